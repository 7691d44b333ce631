//! The two walks over the linear layers: upwards, from pictures to the last stage, and downwards, its adjoint.

use super::memory::{Descent, Stream};
use super::{Engine, Site};
use crate::engine::Size;
use crate::kernels::activation::Norm;

/// What a pass upwards does at what is not linear.
pub(super) trait StepUp {
    /// An activation, from dense `x` into framed pictures.
    fn activate(&mut self, site: Site, norm: &Norm, x: &[f32], framed: &mut [f32]);

    /// The read-out of stage `s` with its result `h`, dense.
    fn read(&mut self, s: usize, norm: &Norm, h: &[f32]);
}

/// What a pass downwards does at what is not linear.
pub(super) trait StepDown {
    /// From the cotangent `inner` of an activation's value to that of what it was given, which is added to `residual` if
    /// there is one; it, or the sum, is written into `framed`.
    fn activation(
        &mut self,
        site: Site,
        norm: &Norm,
        inner: &[f32],
        residual: Option<&mut [f32]>,
        framed: Option<&mut [f32]>,
    );

    /// Adds the cotangent that the read-out of stage `s` gives its stage to `g`, dense. `room` is as large.
    fn read(&mut self, s: usize, norm: &Norm, g: &mut [f32], room: &mut [f32]);
}

impl Engine {
    /// From planar pictures to every stage's result; `count` is how many there are here, and in the whole job.
    pub(super) fn walk_up(
        &self,
        size: Size,
        planar: &[f32],
        patches: &mut [f32],
        count: [usize; 2],
        streams: &mut [Stream],
        step: &mut impl StepUp,
    ) {
        self.common.stem.forward(size, planar, patches, &mut streams[0].h);
        for (s, stage) in self.stages.iter().enumerate() {
            let (before, here) = streams.split_at_mut(s);
            let Stream { norm, h, inner, framed } = &mut here[0];
            if let (Some(down), Some(before)) = (&stage.down, before.last_mut()) {
                let end = before.framed.last_mut();
                before.norm.frame.fill(&before.h, end);
                down.forward(before.norm.frame, count, end, h, false);
            }
            for (i, half) in stage.halves.iter().enumerate() {
                let framed = framed.at_mut(i);
                step.activate(half.site, norm, if i % 2 == 0 { h } else { inner }, framed);
                let (out, add) = if i % 2 == 0 { (&mut *inner, false) } else { (&mut *h, true) };
                half.layer.forward(norm.frame, count, framed, out, add);
            }
            step.read(s, norm, h);
        }
    }

    /// From the cotangent of the last stage's result, which it holds, to that of the first's beginning.
    pub(super) fn walk_down(&self, count: [usize; 2], descents: &mut [Descent], step: &mut impl StepDown) {
        for (s, stage) in self.stages.iter().enumerate().rev() {
            let (before, here) = descents.split_at_mut(s);
            let Descent { norm, g, inner, framed } = &mut here[0];
            let frame = norm.frame;
            step.read(s, norm, g, inner.at_mut(0));
            frame.fill(g, framed.at_mut(stage.halves.len()));
            for (i, half) in stage.halves.iter().enumerate().rev() {
                half.layer.adjoint(frame, count, framed.at(i + 1), (frame.height, frame.width), inner.at_mut(i));
                let residual = if i % 2 == 1 { None } else { Some(&mut g[..]) };
                step.activation(half.site, norm, inner.at(i), residual, Some(framed.at_mut(i)));
            }
            if let (Some(down), Some(before)) = (&stage.down, before.last_mut()) {
                let size = (before.norm.frame.height, before.norm.frame.width);
                down.adjoint(frame, count, framed.at(0), size, &mut before.g);
            }
        }
    }
}
