//! A list of dispatches under construction, and then ready to run: parameters side by side in one buffer.

use super::device::{Buffer, Gpu, PARAMETER_BYTES, Step};
use super::filter::{Adds, Product, Tile};
use super::kernels::Kernel;

/// Dispatches that are being put together.
#[derive(Debug)]
pub struct Draft<'g> {
    gpu: &'g Gpu,
    words: Vec<u32>,
    /// Where the number of a run's first row stands.
    first_rows: Vec<usize>,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    kernel: Kernel,
    buffers: Vec<Buffer>,
    groups: [u32; 3],
    operations: f64,
}

/// Dispatches that can be run again and again.
#[derive(Debug)]
pub struct Plan {
    words: Vec<u32>,
    first_rows: Vec<usize>,
    first: u32,
    parameters: Buffer,
    steps: Vec<Step>,
}

/// Words from one dispatch's parameters to the next.
const SLOT: usize = PARAMETER_BYTES as usize / 4;

impl<'g> Draft<'g> {
    /// Nothing yet.
    #[must_use]
    pub fn new(gpu: &'g Gpu) -> Self {
        Self { gpu, words: Vec::new(), first_rows: Vec::new(), calls: Vec::new() }
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
        let at = self.words.len();
        self.words.extend_from_slice(parameters);
        self.words.resize(at + SLOT, 0);
        self.first_rows.extend(first_row.map(|word| at + word));
        let buffers = buffers.iter().map(|buffer| (*buffer).clone()).collect();
        self.calls.push(Call { kernel, buffers, groups, operations });
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
            Some(2),
            &[source, weights, result, added, scales],
            product.groups(tile),
            product.operations(),
        );
    }

    /// Makes bind groups and writes the parameters.
    #[must_use]
    pub fn finish(self) -> Plan {
        let parameters = self.gpu.parameters(&self.words);
        let step = |(index, call): (usize, &Call)| {
            let buffers: Vec<&Buffer> = call.buffers.iter().collect();
            let at = index as u64 * PARAMETER_BYTES;
            self.gpu.step(call.kernel, (&parameters, at), &buffers, call.groups, call.operations)
        };
        let steps = self.calls.iter().enumerate().map(step).collect();
        Plan { words: self.words, first_rows: self.first_rows, first: 0, parameters, steps }
    }
}

impl Plan {
    /// The dispatches in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Lets the plan begin with row `first` of its job.
    pub fn begin(&mut self, gpu: &Gpu, first: u32) {
        if self.first != first {
            for at in &self.first_rows {
                self.words[*at] = first;
            }
            gpu.write(&self.parameters, bytemuck::cast_slice(&self.words));
            self.first = first;
        }
    }
}
