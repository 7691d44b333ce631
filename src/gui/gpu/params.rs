//! How a tile shows its values: the shader's uniforms in Rust.

use super::viewport::Viewport;

/// From a value to a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// The values are the colours.
    #[default]
    Picture,
    /// The mean over the channels, negative blue and positive orange.
    Signed,
    /// The root mean square over the channels, from black over magenta to yellow.
    FalseColour,
}

impl Mode {
    /// Every mode, in the order of menus.
    pub const ALL: [Self; 3] = [Self::Picture, Self::Signed, Self::FalseColour];

    /// Its name in menus.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Picture => "Picture",
            Self::Signed => "Signed map",
            Self::FalseColour => "False colour",
        }
    }
}

/// What is taken against the reference before a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Compare {
    /// Nothing: the value itself.
    #[default]
    Plain,
    /// value − reference
    Error,
    /// |value − reference|
    Absolute,
    /// (value − reference)²
    Squared,
    /// |value − reference| / (|reference| + 0.01)
    Relative,
}

impl Compare {
    /// Every comparison, in the order of menus.
    pub const ALL: [Self; 5] = [Self::Plain, Self::Error, Self::Absolute, Self::Squared, Self::Relative];

    /// Its name in menus.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Plain => "No comparison",
            Self::Error => "Error",
            Self::Absolute => "Absolute error",
            Self::Squared => "Squared error",
            Self::Relative => "Relative error",
        }
    }
}

/// Which channel is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Channel {
    /// All, in colour.
    #[default]
    All,
    /// The first, as grey.
    Red,
    /// The second, as grey.
    Green,
    /// The third, as grey.
    Blue,
    /// Their luminance (Rec. 709 weights), as grey.
    Luminance,
}

impl Channel {
    /// Every choice, in the order of menus.
    pub const ALL: [Self; 5] = [Self::All, Self::Red, Self::Green, Self::Blue, Self::Luminance];

    /// Its name in menus.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::All => "All channels",
            Self::Red => "Red",
            Self::Green => "Green",
            Self::Blue => "Blue",
            Self::Luminance => "Luminance",
        }
    }
}

/// A tile's look, which the person chooses: colours, comparison, gain.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Look {
    /// From value to colour.
    pub mode: Mode,
    /// Against the second picture, before the colour.
    pub compare: Compare,
    /// Which channel.
    pub channel: Channel,
    /// Factor on the value.
    pub gain: f32,
    /// Added after the factor.
    pub offset: f32,
}

impl Default for Look {
    fn default() -> Self {
        Self { mode: Mode::Picture, compare: Compare::Plain, channel: Channel::All, gain: 1.0, offset: 0.0 }
    }
}

impl Look {
    /// Whether its numbers can be drawn with.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.gain.is_finite()
            && (1e-3..=1e6).contains(&self.gain)
            && self.offset.is_finite()
            && self.offset.abs() <= 1e3
    }

    /// A signed map of the difference from the second picture.
    #[must_use]
    pub fn signed(gain: f32) -> Self {
        Self { mode: Mode::Signed, compare: Compare::Error, gain, ..Self::default() }
    }
}

/// Everything that the shader needs beside the textures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Colours, comparison, gain.
    pub look: Look,
    /// Which part of the picture lies where.
    pub viewport: Viewport,
    /// The tile's width and height on the screen, in physical pixels.
    pub screen: [f32; 2],
    /// Right of this picture column (a coordinate, not an index) the reference is shown; negative for no wipe.
    pub wipe: f32,
    /// Opacity of the lines between picture pixels, 0 for none.
    pub grid: f32,
    /// The reference is shown instead.
    pub flipped: bool,
    /// The colour around the picture, sRGB in [0, 1].
    pub backdrop: [f32; 3],
}

/// The size of the uniform block, in bytes.
pub const UNIFORM_BYTES: usize = 80;

impl Params {
    /// The uniform block, as `shaders/tile.wgsl` declares it. `linear_target`: the render target encodes sRGB itself.
    #[must_use]
    pub fn uniforms(&self, size: [f32; 2], linear_target: bool) -> [u8; UNIFORM_BYTES] {
        let Self { look, viewport, screen, wipe, grid, flipped, backdrop } = *self;
        let floats = [viewport.origin, viewport.span, size, screen, [look.gain, look.offset], [wipe, grid]]
            .into_iter()
            .flatten();
        let flags = u32::from(flipped) | (u32::from(linear_target) << 1);
        let words = [look.mode as u32, look.compare as u32, look.channel as u32, flags];
        let backdrop = backdrop.into_iter().chain([1.0]);
        let mut bytes = [0; UNIFORM_BYTES];
        let all = floats.map(f32::to_bits).chain(words).chain(backdrop.map(f32::to_bits));
        for (slot, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(all) {
            *slot = word.to_ne_bytes();
        }
        bytes
    }
}
