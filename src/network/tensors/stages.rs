//! The trunk of stages: blocks that begin with a norm, a bilinear read-out of each stage, class logits of the last.

use candle_core::{Result, Tensor};

use super::convolution::Convolution;
use super::graph::{convolution, linear};
use super::layers::{Activation, Block, BlockTape, Head, HeadTape, Readout, ReadoutTape, pull_convolution};
use crate::program::{self, Half, Program, TensorId};

#[derive(Debug)]
pub(super) struct Stages {
    stages: Vec<Stage>,
    head: Head,
}

#[derive(Debug)]
struct Stage {
    down: Option<Convolution>,
    blocks: Vec<Block>,
    readout: Readout,
}

/// What [`Stages`] keep of a forward pass.
#[derive(Debug)]
pub(super) struct StagesTape<'a> {
    trunk: &'a Stages,
    stages: Vec<StageTape>,
    head: HeadTape,
}

#[derive(Debug)]
struct StageTape {
    /// Height and width of what the stage was given.
    size: (usize, usize),
    blocks: Vec<BlockTape>,
    readout: ReadoutTape,
}

impl Stages {
    pub(super) fn new(
        program: &Program,
        trunk: &program::StageTrunk,
        tensor: &mut impl FnMut(TensorId) -> Result<Tensor>,
    ) -> Result<Self> {
        let group = trunk.group;
        let mut stages = Vec::new();
        for stage in &trunk.stages {
            let down = stage.down.map(|down| convolution(&down, tensor)).transpose()?;
            let mut half = |half: &Half| -> Result<(Activation, Convolution)> {
                let film = linear(&program.films[half.film].affine, tensor)?;
                Ok((Activation { film, group }, convolution(&half.convolution, tensor)?))
            };
            let mut blocks = Vec::new();
            for block in &stage.blocks {
                let [first, second] = &block.halves;
                blocks.push(Block { halves: [half(first)?, half(second)?] });
            }
            let readout = Readout {
                p: tensor(stage.readout.p)?,
                q: tensor(stage.readout.q)?,
                gamma: linear(&program.films[stage.readout.gamma].affine, tensor)?,
            };
            stages.push(Stage { down, blocks, readout });
        }
        let head = Head {
            activation: Activation { film: linear(&program.films[trunk.head.film].affine, tensor)?, group },
            linear: linear(&trunk.head.linear, tensor)?,
        };
        Ok(Self { stages, head })
    }

    /// From the stem's result `[N, C, H, W]` to u `[N]` and v `[N, K]`.
    pub(super) fn forward(&self, mut h: Tensor, embedding: &Tensor) -> Result<(Tensor, Tensor, StagesTape<'_>)> {
        let mut energy: Option<Tensor> = None;
        let mut stages = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            let size = (h.dim(2)?, h.dim(3)?);
            if let Some(down) = &stage.down {
                h = down.forward(&h)?;
            }
            let mut blocks = Vec::with_capacity(stage.blocks.len());
            for block in &stage.blocks {
                let (next, tape) = block.forward(&h, embedding)?;
                h = next;
                blocks.push(tape);
            }
            let (u, readout) = stage.readout.forward(&h, embedding)?;
            energy = Some(match energy {
                None => u,
                Some(sum) => (sum + u)?,
            });
            stages.push(StageTape { size, blocks, readout });
        }
        let (logits, head) = self.head.forward(&h, embedding)?;
        let energy = energy.map_or_else(|| h.zeros_like()?.sum((1, 2, 3)), Ok)?;
        Ok((energy, logits, StagesTape { trunk: self, stages, head }))
    }
}

impl StagesTape<'_> {
    /// From the cotangents of u, `[N, M]`, and of v, `[N, M, K]`, to those of the stem's result.
    pub(super) fn pullback(&self, energy: &Tensor, logits: &Tensor) -> Result<Tensor> {
        let (n, m) = energy.dims2()?;
        let scale = energy.reshape((n, m, 1, 1, 1))?;
        let mut g = self.trunk.head.pullback(&self.head, logits)?;
        for (stage, tape) in self.trunk.stages.iter().zip(&self.stages).rev() {
            g = (g + stage.readout.gradient(&tape.readout)?.broadcast_mul(&scale)?)?;
            for (block, tape) in stage.blocks.iter().zip(&tape.blocks).rev() {
                g = block.pullback(tape, &g)?;
            }
            if let Some(down) = &stage.down {
                g = pull_convolution(down, &g, tape.size)?;
            }
        }
        Ok(g)
    }
}
