//! Steps of projected gradient ascent, many in one go: pictures, logits and gradients stay on the device between them.

use super::device::{Buffer, Readback};
use super::forward::Pictures;
use super::kernels::Kernel;
use super::network::{Network, Trunk};
use super::plan::{Draft, Plan};
use super::pullback::Rows;
use crate::engine::{Ascended, Ascent};
use crate::{Error, Result};

/// Steps at most in one go.
const STEPS: usize = 64;

/// Values at most of the pictures of all steps that wait to be read: 32 MiB.
const TRAIL: usize = 8 << 20;

/// Room for the steps of some pictures of one size, and the dispatches that are theirs alone.
#[derive(Debug)]
pub(super) struct Climb {
    rows: Rows,
    /// The forward pass as far as the logits.
    forward: Plan,
    /// To the network's input; of each step the cotangents, and the move.
    standardise: Plan,
    oppose: Plan,
    ascend: Plan,
    pictures: Buffer,
    goals: Buffer,
    bounds: Buffer,
    centres: Buffer,
    said: Buffer,
    trail: Buffer,
    slopes: Buffer,
    readback: Readback,
    /// What the dispatches were made for.
    rule: Rule,
    /// Steps that there is room for.
    steps: usize,
}

/// What is written into the dispatches' parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rule {
    sigma: f32,
    length: f32,
    radius: Option<f32>,
}

impl Rule {
    fn of(sigma: f32, ascent: &Ascent<'_>) -> Self {
        Self { sigma, length: ascent.length, radius: ascent.radius }
    }
}

impl Climb {
    /// Whether it is for steps like these.
    pub(super) fn fits(&self, sigma: f32, ascent: &Ascent<'_>) -> bool {
        self.rule == Rule::of(sigma, ascent)
    }

    /// About how many bytes it takes besides its rows of cotangents, and how many of those there are.
    pub(super) fn bytes(&self) -> (u64, usize) {
        (4 * TRAIL as u64, self.rows.at_once())
    }
}

impl<T: Trunk> Network<T> {
    /// Room for the ascent of pictures.
    pub(super) fn lay_out_climb(&self, pictures: &Pictures<T>, sigma: f32, ascent: &Ascent<'_>) -> Climb {
        let gpu = &*self.gpu;
        let (count, classes) = (pictures.memory.count, self.pictures.classes);
        let pixels = pictures.memory.size.0 * pictures.memory.size.1;
        let values = self.pictures.channels * pixels;
        let steps = (TRAIL / (count * values).max(1)).clamp(1, STEPS);
        let rows = self.lay_out_rows(pictures, (count, count, 1));
        let [now, centres] = [(), ()].map(|()| gpu.room(count * values));
        let bounds = gpu.room(2 * count * values);
        let (goals, said) = (gpu.room(2 * count), gpu.room(steps * count * classes));
        let (trail, slopes) = (gpu.room(steps * count * values), gpu.room(steps * count));

        let mut standardise = Draft::new(gpu);
        let mut words = [0; 8];
        self.pictures.mean.iter().zip(&mut words).for_each(|(mean, word)| *word = mean.to_bits());
        let rate = 1.0 / self.spread(sigma);
        words[4..7].copy_from_slice(&[pixels as u32, self.pictures.channels as u32, rate.to_bits()]);
        let groups = [pixels.div_ceil(256) as u32, 1, count as u32];
        standardise.add(Kernel::Standardise, &words, None, &[&now, &pictures.memory.z], groups, 0.0);
        let (mut oppose, mut ascend) = (Draft::new(gpu), Draft::new(gpu));
        let (straight, radius) = ascent.radius.map_or((0, 0.0), |radius| (1, radius));
        for step in 0..steps {
            let words = [classes, step * count * classes, 0, 0].map(|word| word as u32);
            let buffers = [&pictures.memory.logits, &goals, rows.logits(), &said];
            oppose.add(Kernel::Oppose, &words, None, &buffers, [1, 1, count as u32], 0.0);
            let (at, slope) = ((step * count * values) as u32, (step * count) as u32);
            let words = [values as u32, at, slope, straight, ascent.length.to_bits(), radius.to_bits(), 0, 0];
            let buffers = [&now, rows.out(), &bounds, &centres, &trail, &slopes];
            ascend.add(Kernel::Ascend, &words, None, &buffers, [1, 1, count as u32], 0.0);
        }
        Climb {
            forward: self.logits_plan(pictures),
            standardise: standardise.finish(),
            oppose: oppose.finish(),
            ascend: ascend.finish(),
            readback: gpu.readback(steps * count * (classes + 1 + values)),
            rule: Rule::of(sigma, ascent),
            pictures: now,
            rows,
            goals,
            bounds,
            centres,
            said,
            trail,
            slopes,
            steps,
        }
    }

    /// As many steps as there is room and time for, or exactly so many, for which there is room.
    pub(super) fn climb(
        &self,
        (pictures, climb): (&mut Pictures<T>, &mut Climb),
        noisy: &[f32],
        ascent: &Ascent<'_>,
        exactly: Option<usize>,
    ) -> Result<Ascended> {
        let gpu = &*self.gpu;
        let count = pictures.memory.count;
        self.place(pictures, noisy, &vec![climb.rule.sigma; count]);
        self.weigh(pictures, &climb.rows, &vec![0.0; count]);
        let goal = |(class, rises): &(usize, bool)| [*class as u32, if *rises { -1.0_f32 } else { 1.0 }.to_bits()];
        let goals: Vec<u32> = ascent.goals.iter().flat_map(goal).collect();
        gpu.write(&climb.goals, bytemuck::cast_slice(&goals));
        gpu.write(&climb.bounds, bytemuck::cast_slice(ascent.bounds));
        gpu.write(&climb.centres, bytemuck::cast_slice(ascent.centres));
        gpu.write(&climb.pictures, bytemuck::cast_slice(noisy));
        climb.forward.begin(gpu, 0);
        climb.rows.begin(gpu);
        let passes = [&climb.standardise, &climb.forward, &climb.rows.plan];
        let work = passes.iter().map(|plan| plan.operations()).sum();
        let steps = exactly.unwrap_or_else(|| gpu.pace().run(work).min(climb.steps).min(ascent.steps));
        let dispatches = (0..steps).flat_map(|step| {
            let [oppose, ascend] = [&climb.oppose, &climb.ascend].map(|plan| &plan.steps()[step..=step]);
            let [standardise, forward, rows] = passes.map(Plan::steps);
            [standardise, forward, oppose, rows, ascend].into_iter().flatten()
        });
        let results = [
            (&climb.said, steps * count * self.pictures.classes),
            (&climb.slopes, steps * count),
            (&climb.trail, steps * noisy.len()),
        ];
        let found = gpu.run(dispatches, &results, &climb.readback)?;
        let [logits, slopes, pictures] =
            <[Vec<f32>; 3]>::try_from(found).map_err(|_| Error::Device("three results were asked for".to_owned()))?;
        Ok(Ascended { steps, logits, slopes, pictures })
    }
}
