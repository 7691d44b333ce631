//! Steps of projected gradient ascent, which an engine may do without asking anybody between them.

/// Steps of projected gradient ascent: where they lead and within what.
///
/// Of each picture one class's log-probability rises or falls: the gradient is that of `∓log p(c | y)`, whose length does not
/// matter.
#[derive(Debug, Clone, Copy)]
pub struct Ascent<'a> {
    /// The class of each picture, and whether its probability is to rise.
    pub goals: &'a [(usize, bool)],
    /// The least and the most of each value, `[N, C, height, width]`.
    pub bounds: &'a [[f32; 2]],
    /// The pictures that they stay around, `[N, C, height, width]`.
    pub centres: &'a [f32],
    /// How long a step is.
    pub length: f32,
    /// None: every value moves by a step's length, by the sign of its gradient. A radius: the picture moves by that length along
    /// the gradient, and not further from its centre than the radius (up to rounding).
    pub radius: Option<f32>,
    /// How many steps at most, at least one.
    pub steps: usize,
}

/// What came of the first steps of an [`Ascent`], one or more.
#[derive(Debug, Clone, PartialEq)]
pub struct Ascended {
    /// How many steps.
    pub steps: usize,
    /// v before each step, `[steps, N, K]`.
    pub logits: Vec<f32>,
    /// The largest magnitude in each step's gradient, `[steps, N]`.
    pub slopes: Vec<f32>,
    /// The pictures after each step, `[steps, N, C, height, width]`.
    pub pictures: Vec<f32>,
}

impl Ascended {
    /// The steps of several sets of pictures, as many of each, as those of one.
    #[must_use]
    pub fn beside(sets: &[Self]) -> Self {
        let steps = sets.iter().map(|set| set.steps).min().unwrap_or_default();
        let gather = |values: fn(&Self) -> &[f32]| -> Vec<f32> {
            let of_step = |step: usize| {
                sets.iter().flat_map(move |set| {
                    let each = values(set).len() / set.steps;
                    &values(set)[step * each..][..each]
                })
            };
            (0..steps).flat_map(of_step).copied().collect()
        };
        Self {
            steps,
            logits: gather(|set| &set.logits),
            slopes: gather(|set| &set.slopes),
            pictures: gather(|set| &set.pictures),
        }
    }
}

/// Cotangents from logits, `[N, K]` both.
#[cfg(test)]
pub(crate) type Cotangents<'a> = &'a mut dyn FnMut(&[f64]) -> Vec<f32>;

/// The same steps in plain words, for tests: in double precision, each by one question. `evaluate` gives the logits of pictures
/// to whoever makes cotangents of them, and then the gradients.
#[cfg(test)]
pub(crate) fn plainly(
    start: &[f32],
    ascent: &Ascent<'_>,
    evaluate: &mut dyn FnMut(&[f32], Cotangents<'_>) -> Vec<f32>,
) -> Ascended {
    let each = start.len() / ascent.goals.len();
    let mut found = Ascended { steps: ascent.steps, logits: Vec::new(), slopes: Vec::new(), pictures: Vec::new() };
    let mut now = start.to_vec();
    for _ in 0..ascent.steps {
        let gradients = evaluate(&now, &mut |logits| {
            found.logits.extend(logits.iter().map(|v| *v as f32));
            let rows = logits.chunks_exact(logits.len() / ascent.goals.len()).zip(ascent.goals);
            rows.flat_map(|(logits, (class, rises))| {
                // Of −log p by the logits: p less the class itself.
                let whole: f64 = logits.iter().map(|v| (v - logits[*class]).exp()).sum();
                let p = logits.iter().map(|v| (v - logits[*class]).exp() / whole);
                let turn = if *rises { -1.0 } else { 1.0 };
                let others = 1.0 - 1.0 / whole;
                let weight = move |(k, p): (usize, f64)| turn * if k == *class { -1.0 } else { p / others };
                p.enumerate().map(weight).map(|w| w as f32).collect::<Vec<_>>()
            })
            .collect()
        });
        for (row, (now, gradient)) in now.chunks_exact_mut(each).zip(gradients.chunks_exact(each)).enumerate() {
            let places = row * each..(row + 1) * each;
            let (bounds, centre) = (&ascent.bounds[places.clone()], &ascent.centres[places]);
            let largest = gradient.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
            found.slopes.push(largest);
            let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
            let norm = length(&mut gradient.iter().map(|g| f64::from(*g)));
            let moved = now.iter().zip(gradient).map(|(value, g)| {
                let (value, g) = (f64::from(*value), f64::from(*g));
                let way = match ascent.radius {
                    None => f64::from(u8::from(g > 0.0)) - f64::from(u8::from(g < 0.0)),
                    Some(_) if norm == 0.0 => 0.0,
                    Some(_) => g / norm,
                };
                value + f64::from(ascent.length) * way
            });
            let away: Vec<f64> = moved.zip(centre).map(|(moved, centre)| moved - f64::from(*centre)).collect();
            let distance = length(&mut away.iter().copied());
            let factor = ascent.radius.map_or(1.0, |radius| (f64::from(radius) / distance).min(1.0));
            for (i, value) in now.iter_mut().enumerate() {
                let [least, most] = bounds[i].map(f64::from);
                *value = (f64::from(centre[i]) + factor * away[i]).clamp(least, most) as f32;
            }
        }
        found.pictures.extend_from_slice(&now);
    }
    found
}
