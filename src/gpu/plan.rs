//! A list of dispatches under construction, and then ready to run: parameters side by side in one buffer, and what would take
//! the device too long at once in pieces.

use super::device::{Buffer, Gpu, PARAMETER_BYTES, Step};
use super::filter::{Adds, Product, Tile};
use super::kernels::Kernel;

/// Dispatches that are being put together.
#[derive(Debug)]
pub struct Draft<'g> {
    gpu: &'g Gpu,
    calls: Vec<Call>,
}

/// A dispatch, whole.
#[derive(Debug)]
struct Call {
    kernel: Kernel,
    words: Vec<u32>,
    /// The word that holds the number of a run's first row.
    first_row: Option<usize>,
    /// The word that holds the number of the first workgroup along x, where the dispatch may go in pieces.
    first_group: Option<usize>,
    buffers: Vec<Buffer>,
    groups: [u32; 3],
    operations: f64,
}

/// Dispatches that can be run again and again.
#[derive(Debug)]
pub struct Plan {
    calls: Vec<Call>,
    /// Operations that a piece was made for.
    piece: f64,
    ready: Ready,
}

/// What is made of the calls for some length of a piece.
#[derive(Debug)]
struct Ready {
    words: Vec<u32>,
    /// Where the number of a run's first row stands.
    first_rows: Vec<usize>,
    first: u32,
    parameters: Buffer,
    steps: Vec<Step>,
}

/// Words from one dispatch's parameters to the next.
const SLOT: usize = PARAMETER_BYTES as usize / 4;

/// Words of `conv.wgsl`'s parameters that hold the first row's number, and the first workgroup's along x.
const FIRST_ROW: usize = 2;
const FIRST_GROUP: usize = 14;

impl<'g> Draft<'g> {
    /// Nothing yet.
    #[must_use]
    pub fn new(gpu: &'g Gpu) -> Self {
        Self { gpu, calls: Vec::new() }
    }

    /// The device that it is for.
    #[must_use]
    pub fn gpu(&self) -> &'g Gpu {
        self.gpu
    }

    /// Appends a dispatch. `first_row` is the word of the parameters that holds the number of the first row.
    pub fn add(
        &mut self,
        kernel: Kernel,
        parameters: &[u32],
        first_row: Option<usize>,
        buffers: &[&Buffer],
        groups: [u32; 3],
        operations: f64,
    ) {
        let buffers = buffers.iter().map(|buffer| (*buffer).clone()).collect();
        let words = parameters.to_vec();
        self.calls.push(Call { kernel, words, first_row, first_group: None, buffers, groups, operations });
    }

    /// Appends a product: of `source` with `weights` into `result`, with `added` and the rows' `scales`.
    pub fn product(
        &mut self,
        product: &Product,
        adds: (Adds, usize),
        buffers: [&Buffer; 3],
        added: Option<(&Buffer, &Buffer)>,
    ) {
        self.product_by(product.tile(), product, adds, buffers, added);
    }

    /// [`Self::product`] by a given tile.
    pub fn product_by(
        &mut self,
        tile: Tile,
        product: &Product,
        (adds, each): (Adds, usize),
        [source, weights, result]: [&Buffer; 3],
        added: Option<(&Buffer, &Buffer)>,
    ) {
        let (added, scales) = added.unwrap_or((self.gpu.nothing(), self.gpu.nothing()));
        self.add(
            Kernel::Product(tile),
            &product.parameters(adds, each),
            Some(FIRST_ROW),
            &[source, weights, result, added, scales],
            product.groups(tile),
            product.operations(),
        );
        if let Some(call) = self.calls.last_mut() {
            call.first_group = Some(FIRST_GROUP);
        }
    }

    /// Makes bind groups and writes the parameters.
    #[must_use]
    pub fn finish(self) -> Plan {
        let piece = self.gpu.pace().dispatch();
        Plan { ready: Ready::new(self.gpu, &self.calls, piece, 0), calls: self.calls, piece }
    }
}

impl Call {
    /// Its pieces: each one's first workgroup along x, and how many.
    fn pieces(&self, piece: f64) -> impl Iterator<Item = (u32, u32)> + use<> {
        let whole = self.groups[0].max(1);
        let wanted = if self.first_group.is_some() { (self.operations / piece).ceil() } else { 1.0 };
        let each = whole.div_ceil((wanted as u32).clamp(1, whole));
        (0..whole).step_by(each as usize).map(move |first| (first, each.min(whole - first)))
    }
}

impl Ready {
    fn new(gpu: &Gpu, calls: &[Call], piece: f64, first: u32) -> Self {
        let (mut words, mut first_rows) = (Vec::new(), Vec::new());
        for call in calls {
            for (group, _) in call.pieces(piece) {
                let at = words.len();
                words.extend_from_slice(&call.words);
                words.resize(at + SLOT, 0);
                if let Some(word) = call.first_group {
                    words[at + word] = group;
                }
                if let Some(word) = call.first_row {
                    first_rows.push(at + word);
                    words[at + word] = first;
                }
            }
        }
        let parameters = gpu.parameters(&words);
        let mut steps: Vec<Step> = Vec::new();
        for call in calls {
            let buffers: Vec<&Buffer> = call.buffers.iter().collect();
            for (_, count) in call.pieces(piece) {
                let at = steps.len() as u64 * PARAMETER_BYTES;
                let share = f64::from(count) / f64::from(call.groups[0].max(1));
                let groups = [count.min(call.groups[0]), call.groups[1], call.groups[2]];
                steps.push(gpu.step(call.kernel, (&parameters, at), &buffers, groups, share * call.operations));
            }
        }
        Self { words, first_rows, first, parameters, steps }
    }
}

impl Plan {
    /// The dispatches in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.ready.steps
    }

    /// Operations of all of them.
    #[must_use]
    pub fn operations(&self) -> f64 {
        self.calls.iter().map(|call| call.operations).sum()
    }

    /// Lets the plan begin with row `first` of its job, in pieces as long as the device's speed allows by now.
    pub fn begin(&mut self, gpu: &Gpu, first: u32) {
        let piece = gpu.pace().dispatch();
        let longest = self.steps().iter().map(Step::operations).fold(0.0, f64::max);
        let (too_long, too_short) =
            (longest > 1.5 * piece, self.steps().len() > self.calls.len() && piece > 4.0 * self.piece);
        if too_short || (too_long && self.piece > piece) {
            self.ready = Ready::new(gpu, &self.calls, piece, first);
            self.piece = piece;
        } else if self.ready.first != first {
            for at in &self.ready.first_rows {
                self.ready.words[*at] = first;
            }
            gpu.write(&self.ready.parameters, bytemuck::cast_slice(&self.ready.words));
            self.ready.first = first;
        }
    }
}
