//! The twin of `shaders/tile.wgsl` on the processor, for exports, hover values and tests. Same names, same order.

use super::params::{Channel, Compare, Look, Mode, Params};
use crate::picture::{Picture, to_byte};
use crate::study::looks::{DIVERGING, SEQUENTIAL};

const MOST_SAMPLES: f32 = 8.0;

/// The pictures of one tile: what it shows, what it is compared with, and the reference to flip and wipe to.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// What the tile shows.
    pub content: &'a Picture,
    /// The second picture of a comparison.
    pub operand: Option<&'a Picture>,
    /// What flip and wipe show instead.
    pub reference: Option<&'a Picture>,
}

/// The tile as sRGB in 8 bits, row after row, three bytes a pixel: what the shader draws at `params.screen` pixels.
#[must_use]
pub fn picture_of(plane: Plane<'_>, params: &Params) -> Vec<u8> {
    let [width, height] = params.screen.map(|side| side as usize);
    let mut bytes = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let uv = [(x as f32 + 0.5) / params.screen[0], (y as f32 + 0.5) / params.screen[1]];
            let at = [0, 1].map(|i| params.viewport.origin[i] + uv[i] * params.viewport.span[i]);
            bytes.extend(shade(plane, params, at).map(to_byte));
        }
    }
    bytes
}

/// The colour at a point of the picture's plane.
#[must_use]
pub fn shade(plane: Plane<'_>, params: &Params, at: [f32; 2]) -> [f32; 3] {
    let size = size_of(plane.content);
    if (0..2).any(|i| at[i] < 0.0 || at[i] >= size[i]) {
        return params.backdrop;
    }
    let other = params.flipped || (params.wipe >= 0.0 && at[0] >= params.wipe);
    let value = average(plane, params, at, other);
    if !value.iter().all(|v| v.is_finite()) {
        return [1.0, 0.0, 1.0];
    }
    let colour = if other { value.map(|v| v.clamp(0.0, 1.0)) } else { map_value(params, value) };
    lines(params, at, colour)
}

fn average(plane: Plane<'_>, params: &Params, at: [f32; 2], other: bool) -> [f32; 3] {
    let size = size_of(plane.content);
    let footprint = [0, 1].map(|i| params.viewport.span[i] / params.screen[i]);
    let count = footprint.map(|f| f.ceil().clamp(1.0, MOST_SAMPLES));
    let mut sum = [0.0; 3];
    for y in 0..count[1] as usize {
        for x in 0..count[0] as usize {
            let sample = [x as f32, y as f32];
            let point = [0, 1].map(|i| {
                let shift = if count[i] > 1.0 { (sample[i] + 0.5) / count[i] - 0.5 } else { 0.0 };
                (at[i] + shift * footprint[i].max(1.0)).clamp(0.0, size[i] - 1.0)
            });
            let pixel = point.map(|p| p as usize);
            let value =
                if other { reference_at(plane, params.look, pixel) } else { value_at(plane, params.look, pixel) };
            sum.iter_mut().zip(value).for_each(|(s, v)| *s += v);
        }
    }
    sum.map(|s| s / (count[0] * count[1]))
}

fn reference_at(plane: Plane<'_>, look: Look, pixel: [usize; 2]) -> [f32; 3] {
    channels(look.channel, plane.reference.map_or([0.0; 3], |r| load(r, pixel)))
}

/// The value of a picture pixel after comparison and choice of channel; 0 outside.
#[must_use]
pub fn value_at(plane: Plane<'_>, look: Look, pixel: [usize; 2]) -> [f32; 3] {
    let a = load(plane.content, pixel);
    if look.compare == Compare::Plain {
        return channels(look.channel, a);
    }
    let b = plane.operand.map_or([0.0; 3], |o| load(o, pixel));
    let compared = [0, 1, 2].map(|c| {
        let error = a[c] - b[c];
        match look.compare {
            Compare::Plain | Compare::Error => error,
            Compare::Absolute => error.abs(),
            Compare::Squared => error * error,
            Compare::Relative => error.abs() / (b[c].abs() + 0.01),
        }
    });
    channels(look.channel, compared)
}

fn channels(channel: Channel, [r, g, b]: [f32; 3]) -> [f32; 3] {
    match channel {
        Channel::All => [r, g, b],
        Channel::Red => [r; 3],
        Channel::Green => [g; 3],
        Channel::Blue => [b; 3],
        Channel::Luminance => [0.2126 * r + 0.7152 * g + 0.0722 * b; 3],
    }
}

fn map_value(params: &Params, value: [f32; 3]) -> [f32; 3] {
    let look = &params.look;
    match look.mode {
        Mode::Signed => DIVERGING.at(value.iter().sum::<f32>() / 3.0 * look.gain + look.offset),
        Mode::FalseColour => {
            let square: f32 = value.iter().map(|v| v * v).sum();
            SEQUENTIAL.at((square / 3.0).sqrt() * look.gain + look.offset)
        }
        Mode::Picture => value.map(|v| (v * look.gain + look.offset).clamp(0.0, 1.0)),
    }
}

fn lines(params: &Params, at: [f32; 2], colour: [f32; 3]) -> [f32; 3] {
    let on_line = (0..2).any(|i| at[i].fract() < params.viewport.span[i] / params.screen[i]);
    if params.grid <= 0.0 || !on_line {
        return colour;
    }
    colour.map(|c| c + (0.5 - c) * params.grid)
}

/// A pixel's red, green and blue; grey is all three.
fn load(picture: &Picture, [x, y]: [usize; 2]) -> [f32; 3] {
    let shape = picture.shape();
    if x >= shape.width || y >= shape.height {
        return [0.0; 3];
    }
    [0, 1, 2].map(|c| picture.at(c.min(shape.channels - 1), y, x))
}

fn size_of(picture: &Picture) -> [f32; 2] {
    [picture.shape().width as f32, picture.shape().height as f32]
}
