//! Colours, once for the window, its shader, the sheet and the report: palettes, and the maps from numbers to colours.

use std::fmt::Write;

/// Red, green and blue as sRGB in 8 bits.
pub type Rgb = [u8; 3];

/// The colours of a chart's lines, told apart by the colour-blind too (Okabe & Ito 2008).
pub const SERIES: [Rgb; 7] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233], [77, 77, 77]];

/// What is wrong, in print.
pub const WRONG: Rgb = SERIES[1];

/// The colours of a page: a sheet, a report.
#[derive(Debug)]
pub struct Palette {
    /// The ground.
    pub paper: Rgb,
    /// Text and names.
    pub ink: Rgb,
    /// Captions and figures.
    pub quiet: Rgb,
    /// Rules, frames and the empty part of bars.
    pub faint: Rgb,
    /// The most probable class.
    pub accent: Rgb,
    /// The other bars.
    pub bar: Rgb,
    /// Signed numbers, from −1 to 1; 0 is near the paper.
    pub signed: &'static ColourMap,
}

/// Dark ink on light paper.
pub static LIGHT: Palette = Palette {
    paper: [252, 251, 249],
    ink: [26, 27, 31],
    quiet: [105, 107, 114],
    faint: [226, 225, 221],
    accent: [30, 90, 168],
    bar: [150, 158, 172],
    signed: &DIVERGING_ON_WHITE,
};

/// Light ink on dark paper.
pub static DARK: Palette = Palette {
    paper: [20, 21, 25],
    ink: [236, 236, 238],
    quiet: [152, 155, 164],
    faint: [52, 54, 61],
    accent: [110, 168, 255],
    bar: [98, 104, 118],
    signed: &DIVERGING,
};

/// The classes in order, then around again, on a light ground.
pub const CLASSES_ON_LIGHT: [u32; 12] = [
    0x1f_7fc4, 0xd9_6b14, 0x2a_9560, 0xcb_3c52, 0x75_56cf, 0xb5_8a00, 0x12_8d92, 0xb8_4a9c, 0x6b_8a20, 0x8f_6444,
    0x4a_68a6, 0xa4_5232,
];

/// The classes in order, then around again, on a dark ground.
pub const CLASSES_ON_DARK: [u32; 12] = [
    0x5b_b8f5, 0xff_9f5a, 0x6f_d6a0, 0xf4_7a8b, 0xb3_9bf2, 0xf0_cf5b, 0x5f_d3d6, 0xe8_91d3, 0xa8_c46a, 0xc9_a58a,
    0x8f_a9d9, 0xd9_8f6f,
];

/// A colour as CSS has it: `#1a1b1f`.
#[must_use]
pub fn css([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A map from numbers to colours, straight between anchors that are evenly apart.
#[derive(Debug)]
pub struct ColourMap {
    /// Its function in WGSL.
    pub name: &'static str,
    /// The number of the first anchor; that of the last is 1.
    pub low: f32,
    /// The colours, sRGB in [0, 1].
    pub anchors: &'static [[f32; 3]],
}

/// Signed numbers on a dark ground: −1 is light blue, 0 almost black, 1 light orange.
pub static DIVERGING: ColourMap = ColourMap {
    name: "diverging",
    low: -1.0,
    anchors: &[
        [0.50, 0.82, 1.00],
        [0.22, 0.56, 0.90],
        [0.10, 0.31, 0.58],
        [0.05, 0.06, 0.08],
        [0.60, 0.22, 0.09],
        [0.93, 0.47, 0.15],
        [1.00, 0.74, 0.38],
    ],
};

/// Signed numbers on a light ground, in the same hues: −1 is blue, 0 almost white, 1 a burnt orange.
pub static DIVERGING_ON_WHITE: ColourMap = ColourMap {
    name: "diverging_on_white",
    low: -1.0,
    anchors: &[
        [0.06, 0.27, 0.56],
        [0.22, 0.56, 0.90],
        [0.66, 0.83, 0.97],
        [0.98, 0.976, 0.969],
        [0.99, 0.80, 0.58],
        [0.90, 0.44, 0.13],
        [0.62, 0.22, 0.05],
    ],
};

/// Magnitudes: 0 is almost black, then indigo, magenta, orange, and 1 a light yellow.
pub static SEQUENTIAL: ColourMap = ColourMap {
    name: "sequential",
    low: 0.0,
    anchors: &[
        [0.03, 0.03, 0.07],
        [0.25, 0.10, 0.44],
        [0.58, 0.16, 0.46],
        [0.88, 0.33, 0.33],
        [0.98, 0.63, 0.31],
        [0.99, 0.97, 0.75],
    ],
};

impl ColourMap {
    /// The colour of a number; beyond the ends it is theirs.
    #[must_use]
    pub fn at(&self, value: f32) -> [f32; 3] {
        let t = (value.clamp(self.low, 1.0) - self.low) * self.steps();
        let i = (t as usize).min(self.anchors.len() - 2);
        let [from, to] = [self.anchors[i], self.anchors[i + 1]];
        [0, 1, 2].map(|c| from[c] + (to[c] - from[c]) * (t - i as f32))
    }

    /// [`Self::at`] in 8 bits.
    #[must_use]
    pub fn rgb(&self, value: f32) -> Rgb {
        self.at(value).map(crate::picture::to_byte)
    }

    /// Anchors a unit.
    fn steps(&self) -> f32 {
        (self.anchors.len() - 1) as f32 / (1.0 - self.low)
    }

    /// [`Self::at`] as a function in WGSL: `fn name(value: f32) -> vec3<f32>`.
    #[must_use]
    pub fn wgsl(&self) -> String {
        let count = self.anchors.len();
        let anchors = self.anchors.iter().fold(String::new(), |mut text, [r, g, b]| {
            // Writing to a string cannot fail.
            let _ = write!(text, "vec3<f32>({r:?}, {g:?}, {b:?}), ");
            text
        });
        format!(
            "fn {name}(value: f32) -> vec3<f32> {{\n    var anchors = array<vec3<f32>, {count}>({anchors});\n    \
             let t = (clamp(value, {low:?}, 1.0) - ({low:?})) * {steps:?};\n    let i = min(u32(t), {last}u);\n    \
             return mix(anchors[i], anchors[i + 1u], t - f32(i));\n}}\n",
            name = self.name,
            low = self.low,
            steps = self.steps(),
            last = count - 2,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_meets_its_anchors_and_is_straight_between() {
        for map in [&DIVERGING, &DIVERGING_ON_WHITE, &SEQUENTIAL] {
            let last = map.anchors.len() - 1;
            for (i, anchor) in map.anchors.iter().enumerate() {
                let value = map.low + i as f32 / last as f32 * (1.0 - map.low);
                let found = map.at(value);
                assert!((0..3).all(|c| (found[c] - anchor[c]).abs() < 1e-5), "{} at {value}", map.name);
            }
            assert_eq!([map.at(-9.0), map.at(9.0)], [map.at(map.low), map.at(1.0)]);
            let middle = map.at(map.low + 0.5 / last as f32 * (1.0 - map.low));
            assert!((middle[0] - f32::midpoint(map.anchors[0][0], map.anchors[1][0])).abs() < 1e-5);
        }
        assert_eq!(DIVERGING.rgb(f32::NAN).len(), 3, "a colour for everything");
    }

    /// Zero must not be seen on its page, and both ends must be, and be told apart.
    #[test]
    fn a_page_s_signed_map_is_neutral_at_zero() {
        for palette in [&LIGHT, &DARK] {
            let apart = |a: Rgb, b: Rgb| a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>();
            let [low, zero, high] = [-1.0, 0.0, 1.0].map(|value| palette.signed.rgb(value));
            assert!(apart(zero, palette.paper) < 40, "{zero:?} on {:?}", palette.paper);
            assert!(apart(low, palette.paper) > 150 && apart(high, palette.paper) > 150 && apart(low, high) > 150);
        }
    }

    #[test]
    fn colours_are_written_for_a_browser() {
        assert_eq!([css(LIGHT.ink), css(SERIES[0])], ["#1a1b1f", "#0072b2"]);
    }
}
