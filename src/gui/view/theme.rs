//! The design tokens: every colour, size and distance of the window, for dark and light.

use eframe::egui::{self, Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle, Theme, vec2};

use crate::study::looks;

/// Distances, on a 4-point grid.
pub mod space {
    /// Between parts of one thing.
    pub const TIGHT: f32 = 4.0;
    /// Between things.
    pub const ITEM: f32 = 8.0;
    /// Between groups, and inside panes.
    pub const GROUP: f32 = 12.0;
    /// Between sections.
    pub const SECTION: f32 = 16.0;
}

/// Heights of fixed parts.
pub mod height {
    /// The menu bar.
    pub const BAR: f32 = 36.0;
    /// A pane's row of tabs.
    pub const TABS: f32 = 28.0;
    /// The status line.
    pub const STATUS: f32 = 24.0;
    /// A thumbnail of the filmstrip.
    pub const THUMBNAIL: f32 = 48.0;
    /// The same where the window is low.
    pub const SMALL_THUMBNAIL: f32 = 32.0;
    /// A tile's line of text.
    pub const CAPTION: f32 = 18.0;
    /// The line below a tile, for measures and legends.
    pub const FOOTER: f32 = 15.0;
}

/// Whether a window of this height is so low that fixed parts give some of theirs: as on a laptop's screen at twice the scale.
#[must_use]
pub fn is_low(ctx: &egui::Context) -> bool {
    ctx.content_rect().height() < 620.0
}

/// Text sizes.
pub mod text {
    /// Captions and units.
    pub const SMALL: f32 = 11.5;
    /// Everything else.
    pub const BODY: f32 = 13.5;
    /// Titles of sheets.
    pub const HEADING: f32 = 18.0;
    /// The one number that matters.
    pub const LARGE: f32 = 30.0;
}

/// One theme's colours.
#[derive(Debug, Clone, PartialEq)]
pub struct Tokens {
    /// Behind everything.
    pub ground: Color32,
    /// Panes and bars.
    pub surface: Color32,
    /// Controls and cards on a pane.
    pub raised: Color32,
    /// Controls under the pointer.
    pub hovered: Color32,
    /// Lines between things.
    pub line: Color32,
    /// Ordinary text.
    pub text: Color32,
    /// Secondary text.
    pub dim: Color32,
    /// Text that matters.
    pub strong: Color32,
    /// The one accent: selection, the slider, focus.
    pub accent: Color32,
    /// Behind selected things.
    pub accent_faint: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// As it should be.
    pub good: Color32,
    /// Fooled, failed.
    pub bad: Color32,
    /// Take note.
    pub warning: Color32,
    /// Around the picture in a tile.
    pub mat: Color32,
    /// The classes, in order, then around again.
    pub classes: [Color32; 12],
}

impl Tokens {
    /// The tokens of a theme.
    #[must_use]
    pub fn of(theme: Theme) -> &'static Self {
        static DARK: Tokens = dark();
        static LIGHT: Tokens = light();
        match theme {
            Theme::Dark => &DARK,
            Theme::Light => &LIGHT,
        }
    }

    /// The tokens of the theme that `ui` is drawn in.
    #[must_use]
    pub fn in_ui(ui: &egui::Ui) -> &'static Self {
        Self::of(if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light })
    }

    /// The colour of a class.
    #[must_use]
    pub fn class(&self, class: usize) -> Color32 {
        self.classes[class % self.classes.len()]
    }
}

const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

const fn hues(rgb: [u32; 12]) -> [Color32; 12] {
    let mut colours = [Color32::BLACK; 12];
    let mut i = 0;
    while i < rgb.len() {
        colours[i] = hex(rgb[i]);
        i += 1;
    }
    colours
}

const fn dark() -> Tokens {
    Tokens {
        ground: hex(0x0b_0d10),
        surface: hex(0x12_161b),
        raised: hex(0x1e_242c),
        hovered: hex(0x29_313c),
        line: hex(0x23_2a33),
        text: hex(0xc9_d1db),
        dim: hex(0x86_91a0),
        strong: hex(0xf3_f6f9),
        accent: hex(0x5b_b8f5),
        accent_faint: hex(0x1a_3446),
        on_accent: hex(0x06_121b),
        good: hex(0x5f_cf9a),
        bad: hex(0xff_7a6b),
        warning: hex(0xf2_b84b),
        mat: hex(0x0b_0d10),
        classes: hues(looks::CLASSES_ON_DARK),
    }
}

const fn light() -> Tokens {
    Tokens {
        ground: hex(0xe9_ecf0),
        surface: hex(0xfb_fcfd),
        raised: hex(0xee_f1f4),
        hovered: hex(0xe2_e7ec),
        line: hex(0xd9_dee5),
        text: hex(0x2b_323b),
        dim: hex(0x5f_6a78),
        strong: hex(0x0c_1116),
        accent: hex(0x0a_6aaf),
        accent_faint: hex(0xd3_e8f7),
        on_accent: hex(0xff_ffff),
        good: hex(0x10_7544),
        bad: hex(0xc0_3424),
        warning: hex(0x8f_5a00),
        mat: hex(0xe9_ecf0),
        classes: hues(looks::CLASSES_ON_LIGHT),
    }
}

/// Gives egui both themes.
pub fn install(ctx: &egui::Context) {
    for theme in [Theme::Dark, Theme::Light] {
        let tokens = Tokens::of(theme);
        ctx.style_mut_of(theme, |style| apply(style, tokens, theme));
    }
}

fn apply(style: &mut egui::Style, tokens: &Tokens, theme: Theme) {
    let proportional = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, proportional(text::SMALL)),
        (TextStyle::Body, proportional(text::BODY)),
        (TextStyle::Button, proportional(text::BODY)),
        (TextStyle::Heading, proportional(text::HEADING)),
        (TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace)),
        (TextStyle::Name("large".into()), proportional(text::LARGE)),
    ]
    .into();
    style.animation_time = 0.08;
    spacing(&mut style.spacing);
    style.visuals = visuals(tokens, theme);
}

fn spacing(spacing: &mut egui::style::Spacing) {
    spacing.item_spacing = vec2(space::ITEM, space::TIGHT + 2.0);
    spacing.button_padding = vec2(space::ITEM, 4.0);
    spacing.interact_size = vec2(36.0, 24.0);
    spacing.window_margin = Margin::same(space::SECTION as i8);
    spacing.menu_margin = Margin::same(6);
    spacing.combo_width = 96.0;
    spacing.slider_width = 120.0;
    spacing.slider_rail_height = 4.0;
    spacing.icon_width = 16.0;
    spacing.indent = space::GROUP;
    spacing.scroll.bar_width = 6.0;
    // Figures at the right edge are not under the bar.
    spacing.scroll.floating_allocated_width = 8.0;
    // That there is more below is seen without the pointer on it.
    spacing.scroll.dormant_handle_opacity = 0.45;
    spacing.tooltip_width = 320.0;
}

fn visuals(tokens: &Tokens, theme: Theme) -> egui::Visuals {
    let mut visuals = match theme {
        Theme::Dark => egui::Visuals::dark(),
        Theme::Light => egui::Visuals::light(),
    };
    let shadow = Color32::from_black_alpha(if theme == Theme::Dark { 120 } else { 40 });
    visuals.panel_fill = tokens.surface;
    visuals.window_fill = tokens.surface;
    visuals.window_stroke = Stroke::new(1.0, tokens.line);
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CornerRadius::same(6);
    visuals.window_shadow = Shadow { offset: [0, 8], blur: 32, spread: 0, color: shadow };
    visuals.popup_shadow = Shadow { offset: [0, 4], blur: 16, spread: 0, color: shadow };
    visuals.extreme_bg_color = tokens.ground;
    visuals.faint_bg_color = tokens.raised;
    visuals.code_bg_color = tokens.raised;
    visuals.hyperlink_color = tokens.accent;
    visuals.warn_fg_color = tokens.warning;
    visuals.error_fg_color = tokens.bad;
    visuals.weak_text_color = Some(tokens.dim);
    visuals.selection.bg_fill = tokens.accent_faint;
    visuals.selection.stroke = Stroke::new(1.0, tokens.accent);
    visuals.slider_trailing_fill = true;
    visuals.handle_shape = egui::style::HandleShape::Circle;
    visuals.indent_has_left_vline = false;
    // Every blink would draw the whole window again.
    visuals.text_cursor.blink = false;
    visuals.text_cursor.stroke = Stroke::new(2.0, tokens.accent);
    let state = |fill, line: Color32, text| egui::style::WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, line),
        fg_stroke: Stroke::new(1.0, text),
        corner_radius: CornerRadius::same(4),
        expansion: 0.0,
    };
    visuals.widgets.noninteractive = state(tokens.surface, tokens.line, tokens.text);
    visuals.widgets.inactive = state(tokens.raised, Color32::TRANSPARENT, tokens.text);
    visuals.widgets.hovered = state(tokens.hovered, tokens.line, tokens.strong);
    visuals.widgets.active = state(tokens.accent_faint, tokens.accent, tokens.strong);
    visuals.widgets.open = state(tokens.hovered, tokens.line, tokens.strong);
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, as the Web Content Accessibility Guidelines 2.1 define it.
    fn luminance(colour: Color32) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.03928 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    #[test]
    fn text_stands_out_from_what_is_behind_it() {
        for theme in [Theme::Dark, Theme::Light] {
            let t = Tokens::of(theme);
            let inks = [t.text, t.dim, t.strong, t.accent, t.good, t.bad, t.warning];
            let pairs = inks.into_iter().flat_map(|ink| [t.ground, t.surface, t.raised].map(|behind| (ink, behind)));
            for (ink, behind) in pairs.chain([(t.on_accent, t.accent)]) {
                let (a, b) = (luminance(ink), luminance(behind));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{theme:?}: {ink:?} on {behind:?} is {contrast:.2}");
            }
        }
    }
}
