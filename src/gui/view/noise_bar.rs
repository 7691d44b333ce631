//! The one control that everything follows: the noise level, over what the model believes at every level.

use eframe::egui::{
    self, Align, Align2, Color32, FontId, Key, Layout, Rect, Response, RichText, Role, Sense, Stroke, Ui, WidgetInfo,
    accesskit, epaint, pos2, vec2,
};

use tracing::Level;

use crate::gui::command::NoiseCommand;
use crate::gui::state::session::Play;
use crate::gui::state::tour::{Stop, Tour};
use crate::gui::view::command_button::{command_button, toggle};
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::keep_arrows;
use crate::gui::view::level_field::{Scale as Figures, level_field};
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::named;
use crate::gui::work::tasks::slider_range;
use crate::picture::NoiseKind;
use crate::study::Sweep;
use crate::study::level::of_255;

/// Heights of the ribbon of beliefs, of the rail, and of the figures under it.
const RIBBON: f32 = 40.0;
const RAIL: f32 = 20.0;
const FIGURES: f32 = 14.0;
/// Width of σ in figures.
const READING: f32 = 148.0;
/// Levels marked under the rail, on 0–255.
const MARKS: [f32; 8] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 255.0];
/// Presets, on 0–255.
const PRESETS: [f32; 3] = [15.0, 25.0, 50.0];

/// The strip under the menu.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::SECTION;
        ui.allocate_ui_with_layout(vec2(READING, RIBBON + RAIL + FIGURES), Layout::top_down(Align::Min), |ui| {
            // Figures of any length leave the slider where it is.
            ui.set_width(READING);
            reading(ui, cx);
        });
        let controls = 236.0;
        let width = (ui.available_width() - controls - space::SECTION).max(160.0);
        slider(ui, cx, width);
        ui.allocate_ui_with_layout(vec2(controls, RIBBON + RAIL + FIGURES), Layout::top_down(Align::Min), |ui| {
            noise(ui, cx);
        });
    });
}

/// σ in large figures, on both scales, to be typed too.
fn reading(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let title = if cx.document.already_noisy { "Assumed noise level" } else { "Noise level" };
    ui.label(RichText::new(title).size(text::SMALL).color(tokens.dim));
    let sigma = cx.document.noise.sigma;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::TIGHT;
        ui.label(RichText::new("σ").size(text::LARGE).color(tokens.accent));
        let mut level = f64::from(sigma);
        let figures = ui.scope(|ui| {
            ui.style_mut().drag_value_text_style = egui::TextStyle::Name("large".into());
            plain(ui);
            level_field(ui, &mut level, Figures::Bytes, 1.0, "σ on 0–255: drag, or click and type 25, 12.5 or 25/255")
        });
        set(cx, figures.inner, "Sigma of 255", level);
        ui.label(RichText::new("/255").color(tokens.dim));
    });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::TIGHT;
        ui.label(RichText::new("=").color(tokens.dim));
        let mut level = f64::from(sigma);
        plain(ui);
        let field = level_field(ui, &mut level, Figures::Unit, 1.0, "σ on 0–1: drag, or click and type 0.1 or 25/255");
        set(cx, field, "Sigma of 1", level);
        ui.label(RichText::new("of 1").color(tokens.dim));
        let playing = matches!(cx.session.play, Some(Play::Sigma));
        let button = toggle(ui, cx, playing, if playing { "Stop" } else { "Play" }, NoiseCommand::Play);
        named(&button, if playing { "Stop playing the noise" } else { "Play the noise" });
    });
}

/// Names a field of σ and does what was typed in it, or says why not.
fn set(cx: &mut Context<'_>, (field, refused): (Response, Option<String>), name: &str, level: f64) {
    named(&field, name);
    if let Some(words) = refused {
        cx.session.notices.say(Level::WARN, format!("σ: {words}"));
    }
    if field.changed() {
        cx.run(NoiseCommand::SetSigma(level as f32));
    }
}

/// Figures without a box until the pointer is on them.
fn plain(ui: &mut Ui) {
    ui.spacing_mut().button_padding = vec2(2.0, 0.0);
    let widgets = &mut ui.visuals_mut().widgets;
    widgets.inactive.weak_bg_fill = Color32::TRANSPARENT;
    widgets.inactive.bg_fill = Color32::TRANSPARENT;
    let tokens = Tokens::in_ui(ui);
    ui.visuals_mut().widgets.inactive.fg_stroke.color = tokens.strong;
}

/// Preset levels, kind, seed.
fn noise(ui: &mut Ui, cx: &mut Context<'_>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::TIGHT;
        for preset in PRESETS {
            let on = (cx.document.noise.sigma * 255.0 - preset).abs() < 0.05;
            toggle(ui, cx, on, &of_255(preset / 255.0), NoiseCommand::SetSigma(preset / 255.0));
        }
        ui.add_space(space::TIGHT);
        let own = cx.document.already_noisy;
        toggle(ui, cx, own, "Already noisy", NoiseCommand::ToggleAlreadyNoisy);
    });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::TIGHT;
        if cx.document.already_noisy {
            command_button(ui, cx, "Estimate σ", NoiseCommand::EstimateSigma);
            return;
        }
        let chosen = cx.document.noise.kind;
        let combo =
            egui::ComboBox::from_id_salt("noise").width(132.0).selected_text(chosen.title()).show_ui(ui, |ui| {
                for kind in NoiseKind::ALL {
                    let choice = ui.selectable_label(kind == chosen, kind.title()).explained(kind.explanation());
                    if choice.clicked() {
                        cx.run(NoiseCommand::SetKind(kind));
                    }
                }
            });
        named(&combo.response, "Kind of noise");
        let mut seed = cx.document.noise.seed;
        let value = ui.add(egui::DragValue::new(&mut seed).speed(0.1)).explained("The seed of the noise");
        named(&value, "Seed");
        if value.changed() {
            cx.run(NoiseCommand::SetSeed(seed));
        }
        command_button(ui, cx, "New", NoiseCommand::Reroll);
    });
    if !cx.document.already_noisy
        && let Some(note) = note(cx)
    {
        let tokens = Tokens::in_ui(ui);
        ui.add(egui::Label::new(RichText::new(&note).size(text::SMALL).color(tokens.warning)).wrap()).explained(note);
    }
}

/// What a person should know about this noise.
fn note(cx: &Context<'_>) -> Option<String> {
    // That a model is a denoiser the ribbon says.
    cx.session.answer.study.as_ref()?.notes_on_pictures().next().map(str::to_owned)
}

/// The slider: beliefs at every level above, the rail, figures below.
fn slider(ui: &mut Ui, cx: &mut Context<'_>, width: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, RIBBON + RAIL + FIGURES), Sense::click_and_drag());
    Tour::note(&mut cx.session.tour, Stop::Sigma, rect);
    let range = cx.session.model.as_ref().map_or((1.0 / 255.0, 1.0), |model| {
        let range = model.joint.sigma_range();
        slider_range(range.min, range.max)
    });
    let sigma = cx.document.noise.sigma;
    let scale = Scale { rect, range };
    response.widget_info(|| WidgetInfo::slider(true, f64::from(sigma) * 255.0, "Sigma slider"));
    describe(&response, sigma, range);
    if let Some(to) = moved(ui, &response, scale, sigma) {
        cx.run(NoiseCommand::SetSigma(to));
    }
    if !ui.is_rect_visible(rect) {
        return;
    }
    let response = response.on_hover_cursor(egui::CursorIcon::ResizeHorizontal);
    let ribbon = Rect::from_min_size(rect.min, vec2(rect.width(), RIBBON));
    paint_ribbon(ui, cx, ribbon, scale);
    paint_rail(ui, scale, sigma, &response);
    if response.hovered()
        && !response.dragged()
        && let Some(pointer) = response.hover_pos()
    {
        // On the handle it is what the slider is at.
        let level = if (pointer.x - scale.x(sigma)).abs() < 3.0 { sigma } else { scale.level(pointer.x) };
        response.on_hover_text_at_pointer(believed(cx, level));
    }
}

/// From levels to places: logarithmic.
#[derive(Clone, Copy)]
struct Scale {
    rect: Rect,
    range: (f32, f32),
}

impl Scale {
    fn x(self, level: f32) -> f32 {
        let (from, to) = self.range;
        let t = (level.clamp(from, to) / from).ln() / (to / from).ln();
        self.rect.left() + t * self.rect.width()
    }

    fn level(self, x: f32) -> f32 {
        let (from, to) = self.range;
        let t = ((x - self.rect.left()) / self.rect.width()).clamp(0.0, 1.0);
        from * (to / from).powf(t)
    }
}

/// Where the person moved the level to: by pointer, keys or assistive technology.
fn moved(ui: &Ui, response: &Response, scale: Scale, sigma: f32) -> Option<f32> {
    if let Some(pointer) = response.interact_pointer_pos() {
        response.request_focus();
        let level = scale.level(pointer.x);
        // Near a preset the handle rests on it, unless Alt is down.
        let near = PRESETS.into_iter().map(|p| p / 255.0).find(|p| (scale.x(*p) - pointer.x).abs() < 4.0);
        let free = ui.input(|i| i.modifiers.alt);
        return Some(near.filter(|_| !free).unwrap_or(level));
    }
    let asked = ui.input(|i| {
        i.accesskit_action_requests(response.id, accesskit::Action::SetValue)
            .filter_map(|request| match request.data {
                Some(accesskit::ActionData::NumericValue(value)) => Some(value),
                _ => None,
            })
            .last()
    });
    if let Some(value) = asked {
        return Some((value / 255.0) as f32);
    }
    let focused = response.has_focus();
    keep_arrows(ui, response);
    let steps = ui.input(|i| {
        let asked = |action| i.num_accesskit_action_requests(response.id, action) as i32;
        let key = |key| i32::from(focused && i.key_pressed(key));
        let keys = key(Key::PageUp) + key(Key::ArrowRight) + key(Key::ArrowUp)
            - (key(Key::PageDown) + key(Key::ArrowLeft) + key(Key::ArrowDown));
        asked(accesskit::Action::Increment) - asked(accesskit::Action::Decrement) + keys
    });
    (steps != 0).then(|| (sigma * 1.1_f32.powi(steps)).clamp(scale.range.0, scale.range.1))
}

fn describe(response: &Response, sigma: f32, range: (f32, f32)) {
    response.ctx.accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Slider);
        node.set_numeric_value(f64::from(sigma) * 255.0);
        node.set_min_numeric_value(f64::from(range.0) * 255.0);
        node.set_max_numeric_value(f64::from(range.1) * 255.0);
        node.add_action(accesskit::Action::SetValue);
        node.add_action(accesskit::Action::Increment);
        node.add_action(accesskit::Action::Decrement);
    });
}

/// Beliefs at every level, stacked: the likeliest classes in their colours, the others grey.
fn paint_ribbon(ui: &Ui, cx: &Context<'_>, rect: Rect, scale: Scale) {
    let tokens = Tokens::in_ui(ui);
    ui.painter().rect_filled(rect, 3.0, tokens.ground);
    let curve = &cx.session.curve;
    if curve.sigmas.len() < 2 {
        let words = match cx.session.classes().len() {
            1 => "A denoiser: one class, at every level",
            _ if cx.questions.curve.is_pending() => "Asking the model at every level…",
            _ => "",
        };
        let font = FontId::proportional(text::SMALL);
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, words, font, tokens.dim);
        return;
    }
    let classes = curve.posteriors[0].len();
    let mut mesh = epaint::Mesh::default();
    let mut below = vec![0.0_f64; curve.sigmas.len()];
    let y = |share: f64| rect.bottom() - rect.height() * share.min(1.0) as f32;
    for class in 0..classes {
        let colour = tokens.class(class).gamma_multiply(0.85);
        let first = mesh.vertices.len() as u32;
        for (i, posterior) in curve.posteriors.iter().enumerate() {
            let x = scale.x(curve.sigmas[i]);
            let top = below[i] + posterior[class];
            mesh.colored_vertex(pos2(x, y(below[i])), colour);
            mesh.colored_vertex(pos2(x, y(top)), colour);
            below[i] = top;
            if i > 0 {
                let at = first + 2 * i as u32;
                mesh.add_triangle(at - 2, at - 1, at);
                mesh.add_triangle(at - 1, at, at + 1);
            }
        }
    }
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    painter.add(mesh);
    ribbon_names(&painter, cx, rect, scale);
}

/// Names on the ribbon where one class holds most of it for long enough.
fn ribbon_names(painter: &egui::Painter, cx: &Context<'_>, rect: Rect, scale: Scale) {
    let curve = &cx.session.curve;
    let mut start = 0;
    let top = |i: usize| crate::study::ranked(&curve.posteriors[i])[0];
    for i in 1..=curve.sigmas.len() {
        if i < curve.sigmas.len() && top(i) == top(start) {
            continue;
        }
        let (left, right) = (scale.x(curve.sigmas[start]), scale.x(curve.sigmas[i - 1]));
        let held: f64 = (start..i).map(|k| curve.posteriors[k][top(start)]).sum::<f64>() / (i - start) as f64;
        if let Some(name) = cx.session.classes().get(top(start))
            && held > 0.5
        {
            let font = FontId::proportional(text::BODY);
            let galley = painter.layout_no_wrap(name.clone(), font, Color32::from_black_alpha(210));
            if galley.size().x + 12.0 < right - left {
                let middle = pos2(f32::midpoint(left, right), rect.center().y);
                painter.galley(Align2::CENTER_CENTER.anchor_size(middle, galley.size()).min, galley, Color32::BLACK);
            }
        }
        start = i;
    }
}

fn paint_rail(ui: &Ui, scale: Scale, sigma: f32, response: &Response) {
    let tokens = Tokens::in_ui(ui);
    let painter = ui.painter();
    let rect = scale.rect;
    let rail = rect.top() + RIBBON + RAIL / 2.0;
    let x = scale.x(sigma);
    painter.hline(rect.x_range(), rail, Stroke::new(4.0, tokens.hovered));
    painter.hline(rect.left()..=x, rail, Stroke::new(4.0, tokens.accent));
    let font = FontId::proportional(text::SMALL - 1.0);
    for mark in MARKS {
        let level = mark / 255.0;
        if level < scale.range.0 * 0.999 || level > scale.range.1 * 1.001 {
            continue;
        }
        let at = scale.x(level);
        let half = 14.0;
        let anchored = at.clamp(rect.left() + half / 2.0, rect.right() - half);
        painter.text(pos2(anchored, rect.bottom()), Align2::CENTER_BOTTOM, format!("{mark}"), font.clone(), tokens.dim);
        painter.vline(at, rail + 4.0..=rail + 8.0, Stroke::new(1.0, tokens.dim));
    }
    // The present level, through the beliefs down to the rail.
    painter.vline(x, rect.top()..=rail, Stroke::new(3.0, Color32::from_black_alpha(120)));
    painter.vline(x, rect.top()..=rail, Stroke::new(1.5, Color32::WHITE));
    let radius = if response.dragged() || response.hovered() { 9.0 } else { 8.0 };
    painter.circle(pos2(x, rail), radius, tokens.surface, Stroke::new(3.0, tokens.accent));
    if response.has_focus() {
        painter.circle_stroke(pos2(x, rail), radius + 3.0, Stroke::new(1.0, tokens.accent));
    }
}

/// What the model believes at a level, in words.
fn believed(cx: &Context<'_>, level: f32) -> String {
    let mut words = format!("σ = {}/255 = {level:.3}", of_255(level));
    // At the slider's own level the beliefs are those of the other pane, to the last digit.
    let present = cx.session.answer.posterior.as_ref().filter(|p| !p.stale && level == cx.document.noise.sigma);
    let posterior = present.map(|p| p.value.clone()).or_else(|| between(&cx.session.curve, level));
    if let Some(posterior) = posterior {
        for class in crate::study::ranked(&posterior).into_iter().take(3) {
            if let Some(name) = cx.session.classes().get(class) {
                words.push('\n');
                words.push_str(&[name, ": ", &crate::study::words::percent(posterior[class])].concat());
            }
        }
    }
    words
}

/// The curve at a level, between the two levels beside it.
fn between(curve: &Sweep, level: f32) -> Option<Vec<f64>> {
    let above = curve.sigmas.iter().position(|sigma| *sigma >= level).unwrap_or(curve.sigmas.len().checked_sub(1)?);
    let below = above.saturating_sub(1);
    let (from, to) = (curve.sigmas[below], curve.sigmas[above]);
    let share = if to > from { f64::from(((level / from).ln() / (to / from).ln()).clamp(0.0, 1.0)) } else { 1.0 };
    let (from, to) = (&curve.posteriors[below], &curve.posteriors[above]);
    Some(from.iter().zip(to).map(|(from, to)| from + share * (to - from)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_is_read_between_its_levels() {
        let posteriors = vec![vec![1.0, 0.0], vec![0.5, 0.5], vec![0.2, 0.8]];
        let curve = Sweep { sigmas: vec![0.01, 0.1, 1.0], posteriors, ..Sweep::default() };
        for (level, first) in [(0.01, 1.0), (0.1, 0.5), (0.001, 1.0), (2.0, 0.2), (0.031_622_78, 0.75)] {
            let found = between(&curve, level).unwrap();
            assert!((found[0] - first).abs() < 1e-6 && (found[0] + found[1] - 1.0).abs() < 1e-12, "{level}: {found:?}");
        }
        assert_eq!(between(&Sweep::default(), 0.1), None);
    }
}
