//! What the pane Explore draws: a grid of pictures that fills up, a hole that is painted and filled, a dial to another class.

use eframe::egui::{
    self, ComboBox, DragValue, Rect, RichText, Role, ScrollArea, Sense, Slider, SliderClamping, Stroke, Ui, WidgetInfo,
    pos2, vec2,
};

use crate::gui::command::{DrawCommand, ExploreCommand};
use crate::gui::state::document::TileKind;
use crate::gui::state::drawn::{
    DrawForm, FRAMES, KEPT, Known, LARGEST_CANDIDATES, LARGEST_CHURN, LARGEST_GRID, LARGEST_SHOWN, LARGEST_TOLERATED,
};
use crate::gui::state::explore::Mode;
use crate::gui::view::caption::{AROUND, Caption};
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::theme::{Tokens, space};
use crate::gui::view::tile;
use crate::gui::view::widgets::{dim, fact, named, wrapped_segments};
use crate::joint::ONE_CLASS;
use crate::study::lab::{Turned, counts, ranked_fills, wilson};
use crate::study::ranked;
use crate::study::words::{believed, in_words, number, percent, whole_bits};

/// The widths of a class's name and of how many there are, and a bar's height.
const NAME: f32 = 84.0;
const COUNT: f32 = 28.0;
/// The least width of the counted classes.
const COUNTS: f32 = 220.0;
const BAR: f32 = 12.0;

/// The tiles of a mode, with what is to be said of them.
pub fn tiles(cx: &Context<'_>, mode: Mode) -> Vec<(TileKind, Caption)> {
    if mode == Mode::Fill {
        let name = match cx.session.explore.drawn.form.known {
            Known::Painted => None,
            Known::Random => Some("Known pixels".to_owned()),
            Known::Blocks(side) => Some(format!("Means of {side}×{side} pixels")),
        };
        let kinds = [TileKind::Fills, TileKind::FillMean, TileKind::FillSpread];
        let known = (TileKind::Hole, Caption { name, ..Caption::default() });
        return [known].into_iter().chain(kinds.map(|kind| (kind, Caption::default()))).collect();
    }
    let drawn = &cx.session.explore.drawn;
    let at = drawn.positions.get(drawn.position);
    let of = |figure: Option<String>| Caption { figure, ..Caption::default() };
    let taken = |turned: &Turned| {
        let class = ranked(&turned.posterior)[0];
        believed(cx.session.classes().get(class).map_or("", String::as_str), turned.posterior[class])
    };
    let lost = |turned: &Turned| Some(gained(-turned.bits_lost?));
    vec![
        (TileKind::Clean, Caption::default()),
        (TileKind::Turned, of(at.map(|at| taken(&at.tolerated)))),
        (TileKind::TurnedChange, of(at.and_then(|at| lost(&at.tolerated)))),
        (TileKind::Plain, of(at.map(|at| taken(&at.plain)))),
        (TileKind::PlainChange, of(at.and_then(|at| lost(&at.plain)))),
    ]
}

/// Bits of log p that are gained, with their sign.
fn gained(bits: f64) -> String {
    format!("{}{}", if bits >= 0.5 { "+" } else { "" }, whole_bits(bits))
}

/// The grid of what is drawn, and beside it the classes that come out.
pub fn counted(ui: &mut Ui, cx: &mut Context<'_>) {
    let rest = ui.available_size();
    let counts = !cx.session.explore.drawn.samples.is_empty() && cx.session.classes().len() > 1;
    let room = if counts { rest.x - space::SECTION - COUNTS } else { rest.x };
    let side = (rest.y - AROUND).min(room).floor().max(32.0);
    tile::show(ui, cx, TileKind::Samples, vec2(side, side), &Caption::default());
    if counts {
        let width = ui.available_width().clamp(COUNTS, 2.0 * COUNTS);
        let column = egui::Layout::top_down(egui::Align::Min);
        ui.allocate_ui_with_layout(vec2(width, rest.y), column, |ui| {
            ui.set_width(width);
            ScrollArea::vertical().id_salt("counted").auto_shrink([false, false]).show(ui, |ui| count(ui, cx));
        });
    }
}

/// The figures and controls of a mode, at the left of its tiles.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>, mode: Mode) {
    let before = cx.session.explore.drawn.form;
    let mut form = before;
    match mode {
        Mode::Fill => fill(ui, cx, &mut form),
        Mode::Dial => dial(ui, cx, &mut form),
        _ => samples(ui, cx, &mut form),
    }
    if form != before {
        cx.run(ExploreCommand::Draw(DrawCommand::SetForm(form)));
    }
}

/// Begin, or stop; whether the mode can be begun.
fn begin(ui: &mut Ui, cx: &mut Context<'_>, words: &str, hint: &str, ready: bool) {
    ui.horizontal(|ui| {
        let pending = cx.questions.draw.is_pending();
        if ui.add_enabled(ready && !pending, egui::Button::new(words)).explained(hint).clicked() {
            cx.run(ExploreCommand::Draw(DrawCommand::Begin));
        }
        if ui.add_enabled(pending, egui::Button::new("Stop")).explained("What is done stays").clicked() {
            cx.run(ExploreCommand::Draw(DrawCommand::Stop));
        }
    });
}

/// A class, or any.
fn class(ui: &mut Ui, cx: &Context<'_>, form: &mut DrawForm) {
    let names = cx.session.classes();
    if names.len() < 2 {
        return;
    }
    ui.horizontal(|ui| {
        dim(ui, "as");
        let chosen = form.class.and_then(|class| names.get(class)).map_or("anything", String::as_str);
        let combo = ComboBox::from_id_salt("draw as").width(96.0).height(320.0).truncate();
        let shown = combo.selected_text(chosen).show_ui(ui, |ui| {
            ui.selectable_value(&mut form.class, None, "anything");
            for (class, name) in names.iter().enumerate() {
                ui.selectable_value(&mut form.class, Some(class), name);
            }
        });
        named(&shown.response, "Class to draw");
        let drag = DragValue::new(&mut form.guidance).range(0.0..=20.0).speed(0.05).prefix("w ").max_decimals(2);
        let response = ui.add_enabled(form.class.is_some(), drag);
        named(&response, "Guidance");
        response.explained("D + w(D_c − D): 1 draws from the class, more exaggerates it");
    });
}

fn seed(ui: &mut Ui, form: &mut DrawForm) {
    let response = ui.add(DragValue::new(&mut form.seed).prefix("seed ").speed(0.1));
    named(&response, "Seed of what is drawn");
}

fn samples(ui: &mut Ui, cx: &mut Context<'_>, form: &mut DrawForm) {
    ui.horizontal(|ui| {
        ui.selectable_value(&mut form.of_picture, false, "Out of nothing")
            .explained("Pictures that the model dreams up");
        ui.selectable_value(&mut form.of_picture, true, "Restorations")
            .explained("What the noisy picture could have been, drawn from p(x | y): the posterior by counting");
    });
    class(ui, cx, form);
    ui.horizontal(|ui| {
        let count = if form.of_picture { &mut form.restored } else { &mut form.count };
        let response = ui.add(DragValue::new(count).range(1..=LARGEST_GRID).speed(0.2).suffix(" pictures"));
        named(&response, "How many pictures");
        seed(ui, form);
        let drag =
            DragValue::new(&mut form.churn).range(0.0..=LARGEST_CHURN).speed(0.2).prefix("churn ").max_decimals(0);
        let response = ui.add_enabled(!form.of_picture && !form.ascent, drag);
        named(&response, "Churn");
        response.explained(
            "How much noise is put back on the way down (S_churn of Karras et al.): 0 is Heun's method as it is",
        );
    });
    ui.horizontal(|ui| {
        let response = ui.add_enabled(!form.of_picture, egui::Checkbox::new(&mut form.ascent, "Ascent"));
        response.explained("The stochastic ascent of Kadkhodaie & Simoncelli instead of Heun's method");
        let takes = form.of_picture || !form.ascent;
        let drag = DragValue::new(&mut form.corrections).range(0..=16).speed(0.05).suffix(" corrections");
        let response = ui.add_enabled(takes, drag);
        named(&response, "Langevin steps a level");
        response.explained("Langevin steps at each level, each accepted or refused by log p");
    });
    begin(ui, cx, "Draw pictures", "Draws the pictures; the grid fills while they are drawn", true);
    let drawn = &cx.session.explore.drawn;
    if drawn.samples.is_empty() {
        return;
    }
    let mut frame = drawn.frame;
    let slider = Slider::new(&mut frame, 0..=FRAMES).clamping(SliderClamping::Always).show_value(false).text("its way");
    let response = ui.add(slider).explained("From noise to the picture");
    named(&response, "Frame of the way");
    let sigma = drawn.samples[0].frames.get(frame).map(|frame| frame.sigma);
    dim(
        ui,
        sigma.map_or("the pictures".to_owned(), |sigma| format!("y at σ = {}/255", crate::study::level::of_255(sigma))),
    );
    if let Some(acceptance) = drawn.acceptance {
        fact(ui, "Steps accepted", &percent(acceptance));
    }
    if response.changed() {
        cx.run(ExploreCommand::Draw(DrawCommand::LookAt(frame)));
    }
}

/// How many pictures are taken for each class, with Wilson's band, beside the softmax.
fn count(ui: &mut Ui, cx: &Context<'_>) {
    let (names, drawn) = (cx.session.classes(), &cx.session.explore.drawn);
    let total = drawn.samples.len();
    let counts = counts(&drawn.samples, names.len());
    let shares: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
    let tokens = Tokens::in_ui(ui);
    // What neither comes out nor is believed has no line.
    let is_seen = |class: usize| counts[class] > 0 || drawn.posterior.as_ref().is_some_and(|p| p[class] > 0.005);
    dim(
        ui,
        match drawn.posterior {
            Some(_) => "Counted, with Wilson's 95 % band; the line is p(c | y) by softmax.",
            None => "Counted, with Wilson's 95 % band.",
        },
    );
    for class in ranked(&shares).into_iter().filter(|&class| is_seen(class)).take(12) {
        let (low, high) = wilson(counts[class], total);
        let softmax = drawn.posterior.as_ref().map(|p| p[class]);
        let inside = softmax.is_none_or(|p| (low..=high).contains(&p));
        let share = counts[class] as f64 / total as f64;
        let said = |p: f64| in_words(&percent(p));
        let beside = softmax.map_or(String::new(), |p| format!("; p(c | y) is {}", said(p)));
        let hint = format!("{} of {total}: {} to {}{beside}", counts[class], said(low), said(high));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::TIGHT;
            let name = egui::Label::new(RichText::new(&names[class]).color(tokens.strong)).truncate();
            ui.add_sized([NAME, ui.spacing().interact_size.y], name);
            let size = vec2((ui.available_width() - COUNT).max(24.0), BAR);
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            let words = format!("{}: {hint}", names[class]);
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, words.clone()));
            band(ui, rect, share, (low, high), softmax);
            let colour = if inside { tokens.text } else { tokens.bad };
            ui.label(RichText::new(counts[class].to_string()).color(colour));
            response.explained(hint);
        });
    }
}

/// A share from 0 to 1 as a bar, its interval as a band over it, and what it is compared with as a line.
fn band(ui: &Ui, rect: Rect, share: f64, (low, high): (f64, f64), beside: Option<f64>) {
    let tokens = Tokens::in_ui(ui);
    let at = |v: f64| rect.left() + v.clamp(0.0, 1.0) as f32 * rect.width();
    let painter = ui.painter();
    let part = |from: f64, to: f64, inset: f32| {
        Rect::from_min_max(pos2(at(from), rect.top() + inset), pos2(at(to), rect.bottom() - inset))
    };
    painter.rect_filled(rect, 2.0, ui.visuals().extreme_bg_color);
    painter.rect_filled(part(0.0, share, 0.0), 2.0, tokens.accent.gamma_multiply(0.45));
    painter.rect_filled(part(low, high, BAR / 2.0 - 2.0), 1.0, tokens.accent);
    if let Some(beside) = beside {
        painter.vline(at(beside), rect.y_range(), Stroke::new(2.0, tokens.strong));
    }
}

/// What is known of the picture that is filled in.
fn known(ui: &mut Ui, cx: &mut Context<'_>, form: &mut DrawForm) {
    let choices = [
        (Known::Painted, "Painted", "All but a hole that you paint"),
        (Known::Random, "Random", "Some of the pixels, at random places"),
        (Known::Blocks(2), "2×", "The means of 2×2 pixels: super-resolution to twice as many rows and columns"),
        (Known::Blocks(4), "4×", "The means of 4×4 pixels: super-resolution to four times as many rows and columns"),
    ];
    // Blocks have to fill the picture.
    let shape = cx.session.fitted.as_ref().map(|fitted| fitted.content.picture().shape());
    let fits = |known: Known| shape.is_none_or(|shape| known.fits(shape));
    let choices: Vec<_> = choices.into_iter().filter(|(known, ..)| fits(*known)).collect();
    form.known = wrapped_segments(ui, form.known, &choices).unwrap_or(form.known);
    match form.known {
        Known::Painted => brush(ui, cx, form),
        Known::Random => {
            let slider = Slider::new(&mut form.kept, KEPT.0..=KEPT.1).clamping(SliderClamping::Always);
            let response = ui.add(slider.fixed_decimals(2).text("stay"));
            named(&response, "Share of the pixels that stay");
            response.explained("Each pixel stays with this probability; the seed says which ones");
        }
        Known::Blocks(side) => {
            dim(ui, format!("Of {side}×{side} pixels each only the mean is known: what could be finer?"));
        }
    }
}

/// The brush, and what takes back all that it painted.
fn brush(ui: &mut Ui, cx: &mut Context<'_>, form: &mut DrawForm) {
    dim(ui, "Paint the hole with the mouse; with Shift it is taken back.");
    ui.horizontal(|ui| {
        let drag = DragValue::new(&mut form.brush)
            .range(0.5..=64.0)
            .speed(0.1)
            .prefix("brush ")
            .suffix(" pixels")
            .max_decimals(1);
        let response = ui.add(drag).explained("The brush's radius");
        named(&response, "Radius of the brush");
        let missing = cx.session.explore.drawn.missing();
        let clear = egui::Button::new("No hole");
        if ui.add_enabled(missing > 0, clear).explained("Takes back all that was painted").clicked() {
            cx.run(ExploreCommand::Draw(DrawCommand::ClearHole));
        }
    });
}

fn fill(ui: &mut Ui, cx: &mut Context<'_>, form: &mut DrawForm) {
    known(ui, cx, form);
    class(ui, cx, form);
    ui.horizontal(|ui| {
        let response = ui.add(DragValue::new(&mut form.fills).range(1..=LARGEST_SHOWN).speed(0.1).suffix(" fills"));
        named(&response, "How many fills");
        seed(ui, form);
    });
    ui.horizontal(|ui| {
        let drag = DragValue::new(&mut form.candidates).range(1..=LARGEST_CANDIDATES).speed(0.05).suffix(" candidates");
        let response = ui.add_enabled(!form.ascent, drag);
        named(&response, "Candidates for each fill");
        response.explained(
            "Each fill is one of so many, weighed by log p: the more, the nearer each class is to its share",
        );
        ui.checkbox(&mut form.ascent, "Ascent")
            .explained("Kadkhodaie & Simoncelli's: fewer evaluations, less spread, no correction");
    });
    let words = match form.known {
        Known::Painted => "Fill the hole",
        Known::Random => "Fill in the pixels",
        Known::Blocks(_) => "Fill in the details",
    };
    let ready = cx.session.explore.drawn.measurement.is_some();
    begin(ui, cx, words, "Draws from p(x | what is known)", ready);
    missing(ui, cx);
    let (names, drawn) = (cx.session.classes(), &cx.session.explore.drawn);
    let order = ranked_fills(&drawn.fills);
    let best = order.first().and_then(|fill| fill.log_density);
    for (place, fill) in order.iter().enumerate() {
        let bits = fill.log_density.zip(best).map(|(log, best)| (log - best) / std::f64::consts::LN_2);
        let bits = bits.map_or(String::new(), |bits| format!("{} bits", number(bits, 1)));
        let class = ranked(&fill.posterior).first().and_then(|class| names.get(*class)).filter(|_| names.len() > 1);
        let words = class.map_or(bits.clone(), |class| format!("{class}   {bits}"));
        fact(ui, &format!("{}", place + 1), &words)
            .explained("What it is taken for, and log p below the most probable");
    }
}

/// How much is not known.
fn missing(ui: &mut Ui, cx: &Context<'_>) {
    let drawn = &cx.session.explore.drawn;
    let pixels = match (drawn.form.known, &drawn.measurement) {
        (Known::Random, Some(measurement)) => measurement.free() / measurement.shape().channels,
        (Known::Blocks(_), Some(measurement)) => {
            fact(ui, "Free", &format!("{} of {} values", measurement.free(), measurement.shape().len()));
            return;
        }
        _ => drawn.missing(),
    };
    fact(ui, "Missing", &format!("{pixels} pixels"));
}

fn dial(ui: &mut Ui, cx: &mut Context<'_>, form: &mut DrawForm) {
    let names = cx.session.classes().to_vec();
    if names.len() < 2 {
        dim(ui, format!("The model {ONE_CLASS}."));
        return;
    }
    ui.horizontal(|ui| {
        dim(ui, "to");
        let chosen = names.get(form.target).map_or("", String::as_str);
        let combo = ComboBox::from_id_salt("dial to").width(110.0).height(320.0).truncate();
        let shown = combo.selected_text(chosen).show_ui(ui, |ui| {
            for (class, name) in names.iter().enumerate() {
                ui.selectable_value(&mut form.target, class, name);
            }
        });
        named(&shown.response, "Class to turn to");
    });
    ui.horizontal_wrapped(|ui| {
        let unit = if (0.5..1.5).contains(&form.tolerance) { " bit" } else { " bits" };
        let drag = DragValue::new(&mut form.tolerance).range(0.0..=LARGEST_TOLERATED).speed(1.0).max_decimals(0);
        let response = ui.add(drag.prefix("tolerates ").suffix(unit));
        named(&response, "Tolerated bits");
        response.explained("How many bits of log p may be lost on the way; with very many it is a plain attack");
        let drag = DragValue::new(&mut form.radius).range(0.1..=20.0).speed(0.05).prefix("L2 ").max_decimals(2);
        let response = ui.add(drag);
        named(&response, "Largest length of the change");
        response.explained("The dial's largest length");
    });
    begin(ui, cx, "Turn the dial", "Looks for the least change at every length", true);
    let drawn = &cx.session.explore.drawn;
    if drawn.positions.is_empty() {
        return;
    }
    let mut position = drawn.position;
    let last = drawn.positions.len() - 1;
    let slider = Slider::new(&mut position, 0..=last).clamping(SliderClamping::Always).show_value(false).text("length");
    let response = ui.add(slider);
    named(&response, "Position of the dial");
    let target = cx.questions.draw.request().map_or(form.target, |request| request.form.target);
    if let Some(at) = drawn.positions.get(position) {
        fact(ui, "Length", &format!("L2 {}", number(at.radius, 2)));
        let chance = |turned: &Turned| percent(turned.posterior.get(target).copied().unwrap_or_default());
        let name = names.get(target).map_or("", String::as_str);
        fact(ui, &format!("p({name})"), &chance(&at.tolerated))
            .on_hover_text("Of the picture that the density tolerates");
        fact(ui, &format!("p({name}), plain"), &chance(&at.plain)).on_hover_text("Of the one by plain descent");
        dim(ui, "Over the changes: log p, against the picture before.");
    }
    if response.changed() {
        cx.run(ExploreCommand::Draw(DrawCommand::Position(position)));
    }
}
