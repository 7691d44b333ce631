//! A picture's colours from whatever space its file names to sRGB.
//!
//! The profile is read by `moxcms`. Where it is a matrix with a curve a channel, as nearly all RGB profiles are, the conversion is
//! computed here in double precision rather than by the library's tables of 14 or 16 bits, so that 16-bit pictures keep theirs.

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ProfileText, ToneCurveEvaluator, ToneReprCurve, TransferCharacteristics, TransformF64Executor,
    TransformOptions,
};
use rayon::prelude::*;

use super::super::Picture;

/// What a file says of its colours.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Space {
    /// Nothing: sRGB.
    Unsaid,
    /// An ICC profile.
    Profile(Vec<u8>),
    /// Code points (ITU-T H.273).
    Codes { primaries: u8, transfer: u8, matrix: u8, full_range: bool },
    /// PNG's gAMA chunk, the exponent with which light was encoded, and its cHRM chunk: the x and y of white, red, green, blue.
    Gamma { gamma: f64, primaries: Option<[f64; 8]> },
}

/// Half a step of 8 bits: a conversion that changes every colour by less leaves the picture as it is.
const UNSEEN: f64 = 0.5 / 255.0;

/// From one colour to sRGB, each value in [0, 1].
struct Conversion {
    way: Way,
    /// The space's own name.
    name: String,
}

enum Way {
    /// A curve a channel, a matrix between linear lights, sRGB's curve.
    Matrix { curves: Box<[Curve; 3]>, matrix: [[f64; 3]; 3] },
    /// A curve from grey to light, sRGB's curve.
    Grey(Curve),
    /// The library's interpolation in the profile's tables.
    Tables(std::sync::Arc<TransformF64Executor>),
}

type Curve = Box<dyn ToneCurveEvaluator + Send + Sync>;

/// Converts colours in place to sRGB, clipped to [0, 1]. What was done, or why nothing was, in words; `None` where the colours
/// were sRGB all along.
pub(super) fn to_srgb(colours: &mut Picture, space: &Space) -> Option<String> {
    let channels = colours.shape().channels;
    let conversion = match conversion(space, channels) {
        Ok(conversion) => conversion?,
        Err(why) => return Some(format!("its colours not converted to sRGB: {why}")),
    };
    let Some(largest) = conversion.largest_change(channels) else {
        return Some("its colours not converted to sRGB: its colour profile gives no numbers".into());
    };
    if largest < UNSEEN {
        return None;
    }
    let size = colours.shape().height * colours.shape().width;
    let width = colours.shape().width.max(1);
    let mut planes = colours.values_mut().chunks_exact_mut(size.max(1));
    match (planes.next(), planes.next(), planes.next()) {
        (Some(red), Some(green), Some(blue)) => {
            let rows = red.par_chunks_mut(width).zip(green.par_chunks_mut(width)).zip(blue.par_chunks_mut(width));
            rows.for_each(|((red, green), blue)| {
                for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
                    let converted = conversion.apply([*r, *g, *b].map(f64::from));
                    [*r, *g, *b] = converted.map(|value| value.clamp(0.0, 1.0) as f32);
                }
            });
        }
        (Some(grey), ..) => grey.par_iter_mut().for_each(|value| {
            let [r, g, b] = conversion.apply([f64::from(*value); 3]);
            *value = ((r + g + b) / 3.0).clamp(0.0, 1.0) as f32;
        }),
        _ => {}
    }
    Some(format!("colours converted from {} to sRGB", conversion.name))
}

impl Conversion {
    fn apply(&self, colour: [f64; 3]) -> [f64; 3] {
        match &self.way {
            Way::Matrix { curves, matrix } => {
                let light = [0, 1, 2].map(|c| f64::from(curves[c].evaluate_value(colour[c] as f32)));
                matrix.map(|row| srgb_curve(row[0] * light[0] + row[1] * light[1] + row[2] * light[2]))
            }
            Way::Grey(curve) => [srgb_curve(f64::from(curve.evaluate_value(colour[0] as f32))); 3],
            Way::Tables(tables) => {
                let mut out = [f64::NAN; 3];
                // Fails only for slices of odd lengths.
                let _ = tables.transform(&colour, &mut out);
                out
            }
        }
    }

    /// The most by which a value changes, over a lattice of colours and a ramp of greys; `None` if it is not a number anywhere.
    fn largest_change(&self, channels: usize) -> Option<f64> {
        let step = |i: usize, of: usize| i as f64 / (of - 1) as f64;
        let ramp = (0..65).map(|i| [step(i, 65); 3]);
        let side = if channels == 1 { 0 } else { 6 };
        let lattice = (0..side * side * side).map(|i| [i / 36, i / 6 % 6, i % 6].map(|i| step(i, 6)));
        let mut largest = 0.0_f64;
        for colour in ramp.chain(lattice) {
            for (before, after) in colour.into_iter().zip(self.apply(colour)) {
                if !after.is_finite() {
                    return None;
                }
                largest = largest.max((after.clamp(0.0, 1.0) - before).abs());
            }
        }
        Some(largest)
    }
}

/// Linear light to sRGB (IEC 61966-2-1); light outside [0, 1] is clipped.
fn srgb_curve(light: f64) -> f64 {
    if light.is_nan() {
        return light;
    }
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * libm::pow(light, 1.0 / 2.4) - 0.055 }
}

/// How a picture of `channels` gets to sRGB from `space`; `None` where it is there.
fn conversion(space: &Space, channels: usize) -> Result<Option<Conversion>, String> {
    let profile = match space {
        Space::Unsaid => return Ok(None),
        Space::Profile(bytes) => {
            ColorProfile::new_from_slice(bytes).map_err(|_| "its colour profile is damaged".to_owned())?
        }
        &Space::Codes { primaries, transfer, matrix, full_range } => {
            match coded(primaries, transfer, matrix, full_range)? {
                Some(profile) => profile,
                None => return Ok(None),
            }
        }
        &Space::Gamma { gamma, primaries } => match with_gamma(gamma, primaries)? {
            Some(profile) => profile,
            None => return Ok(None),
        },
    };
    let name = match space {
        Space::Profile(_) => profile_name(&profile).unwrap_or_else(|| "its own profile".into()),
        Space::Codes { primaries, transfer, .. } => format!("its code points {primaries}/{transfer}"),
        _ => "its gamma and primaries".into(),
    };
    let way = match profile.color_space {
        DataColorSpace::Gray if channels == 1 => {
            let curve = profile.gray_trc.as_ref().ok_or("its colour profile has no curve")?;
            Way::Grey(evaluator(curve)?)
        }
        DataColorSpace::Rgb if has_tables(&profile) => {
            let srgb = srgb();
            let options =
                TransformOptions { rendering_intent: profile.rendering_intent, ..TransformOptions::default() };
            let tables = profile.create_transform_f64(Layout::Rgb, &srgb, Layout::Rgb, options);
            Way::Tables(tables.map_err(|_| "its colour profile is of a kind that is not known here".to_owned())?)
        }
        DataColorSpace::Rgb if profile.is_matrix_shaper() => matrix(&profile)?,
        DataColorSpace::Rgb => return Err("its colour profile is of a kind that is not known here".into()),
        other => return Err(format!("its profile ({name}) is for {other:?} colours, which it does not have now")),
    };
    Ok(Some(Conversion { way, name }))
}

/// sRGB with the white of its standard, x = 0.3127 and y = 0.3290; the library's is that of 6504 K.
fn srgb() -> ColorProfile {
    let mut profile = ColorProfile::new_srgb();
    profile.update_rgb_colorimetry(Chromaticity::new(0.3127, 0.3290).to_xyyb(), ColorPrimaries::BT_709);
    profile
}

fn has_tables(profile: &ColorProfile) -> bool {
    let tables = [&profile.lut_a_to_b_perceptual, &profile.lut_a_to_b_colorimetric, &profile.lut_a_to_b_saturation];
    tables.iter().any(|table| table.is_some())
}

fn matrix(profile: &ColorProfile) -> Result<Way, String> {
    let curve = |curve: &Option<ToneReprCurve>| evaluator(curve.as_ref().ok_or("its colour profile lacks a curve")?);
    let curves = [curve(&profile.red_trc)?, curve(&profile.green_trc)?, curve(&profile.blue_trc)?];
    let matrix = profile.transform_matrix(&srgb()).v;
    Ok(Way::Matrix { curves: Box::new(curves), matrix })
}

fn evaluator(curve: &ToneReprCurve) -> Result<Curve, String> {
    curve.make_linear_evaluator().map_err(|_| "its colour profile has a curve that makes no sense".into())
}

/// A profile's own description, on one short line.
fn profile_name(profile: &ColorProfile) -> Option<String> {
    let text = match profile.description.as_ref()? {
        ProfileText::PlainString(text) => text,
        ProfileText::Localizable(texts) => &texts.first()?.value,
        ProfileText::Description(description) => &description.ascii_string,
    };
    let line: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The profile of code points; `None` if they say nothing.
fn coded(primaries: u8, transfer: u8, matrix: u8, full_range: bool) -> Result<Option<ColorProfile>, String> {
    const UNSPECIFIED: u8 = 2;
    const PERCEPTUAL_QUANTISER: u8 = 16;
    const HYBRID_LOG_GAMMA: u8 = 18;
    if primaries == UNSPECIFIED || transfer == UNSPECIFIED {
        return Ok(None);
    }
    let foreign = || format!("its code points {primaries}/{transfer}/{matrix} are not known here");
    if transfer == PERCEPTUAL_QUANTISER || transfer == HYBRID_LOG_GAMMA {
        return Err("it is high dynamic range (PQ or HLG), which has no counterpart here; tone-map it first".into());
    }
    if matrix != 0 || !full_range {
        return Err(foreign());
    }
    let codes = CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).map_err(|_| foreign())?,
        transfer_characteristics: TransferCharacteristics::try_from(transfer).map_err(|_| foreign())?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range,
    };
    ColorPrimaries::try_from(codes.color_primaries).map_err(|_| foreign())?;
    ToneReprCurve::try_from(codes.transfer_characteristics).map_err(|_| foreign())?;
    let mut profile = srgb();
    // What it returns does not tell whether it succeeded; with these codes it does.
    profile.update_rgb_colorimetry_from_cicp(codes);
    Ok(Some(profile))
}

/// The profile of PNG's gamma and chromaticities. A gamma of 0.45455 is how a file in sRGB says so to readers that do not know
/// the mark of sRGB; it stands for sRGB's curve.
fn with_gamma(gamma: f64, primaries: Option<[f64; 8]>) -> Result<Option<ColorProfile>, String> {
    let mut profile = srgb();
    let is_srgb = (gamma - 0.45455).abs() < 0.0005;
    if !is_srgb {
        let curve = ToneReprCurve::Parametric(vec![(1.0 / gamma) as f32]);
        profile.red_trc = Some(curve.clone());
        profile.green_trc = Some(curve.clone());
        profile.blue_trc = Some(curve);
    }
    let Some([white_x, white_y, rest @ ..]) = primaries else {
        return Ok((!is_srgb).then_some(profile));
    };
    let corner = |i: usize| Chromaticity::new(rest[2 * i] as f32, rest[2 * i + 1] as f32);
    let (red, green, blue) = (corner(0), corner(1), corner(2));
    if [white_y, red.y.into(), green.y.into(), blue.y.into()].iter().any(|&y| y <= 0.0) {
        return Err("its chromaticities make no sense".into());
    }
    let white = Chromaticity::new(white_x as f32, white_y as f32).to_xyyb();
    profile.update_rgb_colorimetry(white, ColorPrimaries { red, green, blue });
    Ok(Some(profile))
}
