//! From an architecture to its program. The order in which tensors are made here is the order of the seeds of their first
//! values, so it never changes for a network that exists.

use super::{
    Affine, Architecture, Block, Convolution, Embedding, EmbeddingKind, Family, Film, FilmId, FilmKind, Half, Head,
    Pictures, Program, Readout, Rule, Stage, StageTrunk, Start, TensorId, TensorSpec, Trunk,
};

impl Program {
    /// The network of an architecture that passes [`Architecture::check`], for these pictures.
    #[must_use]
    pub fn new(architecture: &Architecture, pictures: Pictures) -> Self {
        let a = architecture;
        let mut make = Builder { tensors: Vec::new(), films: Vec::new(), embedding: a.sigma_width };
        let stem = Convolution {
            weight: make.tensor(
                "stem.weight".to_owned(),
                &[a.widths[0], pictures.channels, a.stem.kernel, a.stem.kernel],
                Start::Normal,
                Rule::AdamW,
            ),
            inputs: pictures.channels,
            outputs: a.widths[0],
            kernel: a.stem.kernel,
            stride: a.stem.stride,
        };
        let kind = match a.family {
            Family::Bilinear => EmbeddingKind::Gelu,
            Family::Pooled => EmbeddingKind::Silu,
        };
        let features = kind.features(a.sigma_frequencies);
        let embedding = Embedding {
            kind,
            frequencies: a.sigma_frequencies,
            layers: [
                make.affine("sigma.1", [a.sigma_width, features], Start::Normal),
                make.affine("sigma.2", [a.sigma_width; 2], Start::Normal),
            ],
        };
        let trunk = match a.family {
            Family::Bilinear => Trunk::Stages(make.stages(a, pictures.classes)),
            Family::Pooled => Trunk::Graph(make.pooled(a, pictures.classes)),
        };
        let Builder { tensors, films, .. } = make;
        Self { pictures, tensors, embedding, films, stem, trunk }
    }
}

/// The lists that grow as layers are made.
pub(super) struct Builder {
    tensors: Vec<TensorSpec>,
    films: Vec<Film>,
    /// Width of the embedding of log σ.
    embedding: usize,
}

impl Builder {
    pub(super) fn tensor(&mut self, name: String, shape: &[usize], start: Start, rule: Rule) -> TensorId {
        self.tensors.push(TensorSpec { name, shape: shape.to_vec(), start, rule });
        self.tensors.len() - 1
    }

    pub(super) fn affine(&mut self, name: &str, [outputs, inputs]: [usize; 2], start: Start) -> Affine {
        let weight = self.tensor(format!("{name}.weight"), &[outputs, inputs], start, Rule::AdamW);
        let bias = self.tensor(format!("{name}.bias"), &[outputs], Start::Zero, Rule::Plain);
        Affine { weight, bias, inputs, outputs }
    }

    /// Films begin at zero, so that the untrained network is the same at every σ.
    pub(super) fn film(&mut self, name: &str, channels: usize, kind: FilmKind) -> FilmId {
        let affine = self.affine(name, [kind.rows() * channels, self.embedding], Start::Zero);
        self.films.push(Film { affine, channels, kind });
        self.films.len() - 1
    }

    pub(super) fn convolution(
        &mut self,
        name: &str,
        [outputs, inputs]: [usize; 2],
        kernel: usize,
        stride: usize,
    ) -> Convolution {
        let shape = [outputs, inputs, kernel, kernel];
        let weight = self.tensor(format!("{name}.weight"), &shape, Start::Normal, Rule::Muon);
        Convolution { weight, inputs, outputs, kernel, stride }
    }

    fn stages(&mut self, a: &Architecture, classes: usize) -> StageTrunk {
        let mut stages = Vec::new();
        for (s, &width) in a.widths.iter().enumerate() {
            let name = format!("stages.{s}");
            let down = s
                .checked_sub(1)
                .map(|before| self.convolution(&format!("{name}.down"), [width, a.widths[before]], 3, a.strides[s]));
            let blocks = (0..a.blocks[s]).map(|b| self.block(&format!("{name}.blocks.{b}"), width)).collect();
            let readout = self.readout(&format!("{name}.readout"), width);
            stages.push(Stage { width, down, blocks, readout });
        }
        let last = a.widths[a.widths.len() - 1];
        let head = Head {
            film: self.film("head.film", last, FilmKind::GainAndOffset),
            linear: self.affine("head.linear", [classes, last], Start::Normal),
        };
        StageTrunk { stages, group: a.group, head }
    }

    fn block(&mut self, name: &str, width: usize) -> Block {
        let halves = [1, 2].map(|half| Half {
            film: self.film(&format!("{name}.film{half}"), width, FilmKind::GainAndOffset),
            convolution: self.convolution(&format!("{name}.conv{half}"), [width; 2], 3, 1),
        });
        Block { halves }
    }

    fn readout(&mut self, name: &str, width: usize) -> Readout {
        let [p, q] =
            ["p", "q"].map(|side| self.tensor(format!("{name}.{side}.weight"), &[width; 2], Start::Normal, Rule::Muon));
        Readout { p, q, gamma: self.film(&format!("{name}.gamma"), width, FilmKind::Weight) }
    }
}
