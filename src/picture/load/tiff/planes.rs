//! Unpacked samples of every type as planes in [0, 1].

use ::tiff::decoder::DecodingResult;

use super::{Format, Layout, Model};

/// Where a decoded sample lies.
pub(super) struct Grid {
    pixels: usize,
    rows: usize,
    /// Samples a pixel.
    samples: usize,
    /// Whether all of one sample come before all of the next.
    planar: bool,
}

impl Grid {
    pub(super) fn of(layout: &Layout) -> Self {
        let rows = layout.height as usize;
        Self { pixels: rows * layout.width as usize, rows, samples: layout.decoded(), planar: layout.planar }
    }

    /// Of a strip or tile of this width and height.
    pub(super) fn of_chunk(layout: &Layout, width: usize, rows: usize) -> Self {
        Self { pixels: rows * width, rows, samples: layout.decoded(), planar: false }
    }

    /// The samples of one channel.
    fn channel<T: Copy>(&self, data: &[T], channel: usize) -> impl Iterator<Item = T> {
        let (start, step) = if self.planar { (channel * self.pixels, 1) } else { (channel, self.samples) };
        data[start..].iter().step_by(step).take(self.pixels).copied()
    }

    /// Samples of less than a byte, each in one of its own; every row begins with a byte.
    fn unpack(&self, packed: &[u8], bits: u8) -> Vec<u8> {
        let lines = self.rows * if self.planar { self.samples } else { 1 };
        let width = self.pixels * self.samples / lines.max(1);
        let stride = (width * usize::from(bits)).div_ceil(8);
        let each = 8 / usize::from(bits);
        let mask = (1_u16 << bits) as u8 - 1;
        let sample = |line: &[u8], x: usize| line[x / each] >> (8 - bits as usize * (x % each + 1)) & mask;
        packed.chunks_exact(stride.max(1)).flat_map(|line| (0..width).map(move |x| sample(line, x))).collect()
    }
}

/// The planes of the colours, and of alpha if there is one. A palette's are its indices. What a person must know of the range
/// goes into `notes`. `None` if there are fewer samples than the file says.
pub(super) fn unit(
    samples: DecodingResult,
    grid: &Grid,
    layout: &Layout,
    notes: &mut Vec<String>,
) -> Option<Vec<Vec<f32>>> {
    Some(match samples {
        DecodingResult::U8(packed) if layout.bits < 8 => {
            planes(&grid.unpack(&packed, layout.bits), grid, layout, notes, f64::from)?
        }
        DecodingResult::U8(v) => planes(&v, grid, layout, notes, f64::from)?,
        DecodingResult::U16(v) => planes(&v, grid, layout, notes, f64::from)?,
        DecodingResult::U32(v) => planes(&v, grid, layout, notes, f64::from)?,
        DecodingResult::U64(v) => planes(&v, grid, layout, notes, |v| v as f64)?,
        DecodingResult::I8(v) => planes(&v, grid, layout, notes, f64::from)?,
        DecodingResult::I16(v) => planes(&v, grid, layout, notes, f64::from)?,
        DecodingResult::I32(v) => planes(&v, grid, layout, notes, f64::from)?,
        DecodingResult::I64(v) => planes(&v, grid, layout, notes, |v| v as f64)?,
        DecodingResult::F16(v) => planes(&v, grid, layout, notes, f64::from)?,
        DecodingResult::F32(v) => planes(&v, grid, layout, notes, f64::from)?,
        DecodingResult::F64(v) => planes(&v, grid, layout, notes, |v| v)?,
    })
}

fn planes<T: Copy>(
    data: &[T],
    grid: &Grid,
    layout: &Layout,
    notes: &mut Vec<String>,
    to: impl Fn(T) -> f64 + Copy,
) -> Option<Vec<Vec<f32>>> {
    if data.len() < grid.pixels * grid.samples {
        return None;
    }
    let colours = layout.model.samples();
    let plane = |c: usize, from: f64, to_one: f64| {
        let value = |v: T| ((to(v) - from) / (to_one - from)).clamp(0.0, 1.0);
        // What is not a number stays none through the clamp.
        grid.channel(data, c).map(value).map(|v| if v.is_nan() { 0.0 } else { v as f32 }).collect::<Vec<f32>>()
    };
    if layout.model == Model::Palette {
        let alpha = f64::from((1_u32 << layout.bits.min(16)) - 1);
        let indices = grid.channel(data, 0).map(|v| to(v) as f32).collect();
        return Some(std::iter::once(indices).chain(layout.alpha.map(|_| plane(1, 0.0, alpha))).collect());
    }
    let extent = Extent::of((0..colours).flat_map(|c| grid.channel(data, c)).map(to));
    let one = extent.one(layout, notes);
    let (black, white) = if layout.model == (Model::Grey { white_is_zero: true }) { (one, 0.0) } else { (0.0, one) };
    let mut planes: Vec<Vec<f32>> = (0..colours).map(|c| plane(c, black, white)).collect();
    if layout.alpha.is_some() {
        let largest = Extent::of(grid.channel(data, colours).map(to)).largest;
        let full = if layout.format == Format::Float { largest.max(1.0) } else { full_range(layout) };
        planes.push(plane(colours, 0.0, full));
    }
    Some(planes)
}

/// The range of a file's finite samples.
struct Extent {
    smallest: f64,
    largest: f64,
    /// Whether some are infinite or no numbers.
    unbounded: bool,
}

impl Extent {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut extent = Self { smallest: 0.0, largest: 0.0, unbounded: false };
        for value in values {
            if value.is_finite() {
                extent.smallest = extent.smallest.min(value);
                extent.largest = extent.largest.max(value);
            } else {
                extent.unbounded = true;
            }
        }
        extent
    }

    /// The value that stands for white. Integers have their type's largest; wide ones that use only what 16 bits could hold, and
    /// floating point beyond 1, their own. Whatever is not plain is said.
    fn one(&self, layout: &Layout, notes: &mut Vec<String>) -> f64 {
        let largest = self.largest;
        let bits = layout.bits;
        let full = full_range(layout);
        let one = match layout.format {
            Format::Float if largest > 1.0 => {
                notes.push(format!("floating point up to {}, scaled by this", short(largest)));
                largest
            }
            Format::Float => {
                notes.push("floating point, taken as [0, 1]".into());
                1.0
            }
            _ if bits > 16 && largest > 0.0 && largest <= 65535.0 => {
                notes.push(format!("integers up to {}, scaled by this", short(largest)));
                largest
            }
            Format::Signed => {
                notes.push(format!("signed integers, 0 to {} taken as [0, 1]", short(full)));
                full
            }
            Format::Unsigned if bits == 16 && largest > 0.0 && largest < 4096.0 => {
                notes.push(format!("its brightest value is {} of 65535", short(largest)));
                full
            }
            Format::Unsigned => full,
        };
        if self.smallest < 0.0 {
            notes.push(format!("negative values (to {}) cut to 0", short(self.smallest)));
        }
        if self.unbounded {
            notes.push("values that are not finite numbers set to 0 or 1".into());
        }
        one
    }
}

/// The largest value of an integer type.
fn full_range(layout: &Layout) -> f64 {
    let bits = u32::from(layout.bits) - u32::from(layout.format == Format::Signed);
    2_f64.powi(bits as i32) - 1.0
}

/// A number, by as many digits as a person needs.
fn short(value: f64) -> String {
    if value.abs() < 1e15 && value.fract() == 0.0 {
        return format!("{value}");
    }
    let rounded = format!("{value:.4e}").parse().unwrap_or(value);
    if (1e-3..1e6).contains(&value.abs()) { format!("{rounded}") } else { format!("{rounded:e}") }
}
