//! Where the keyboard's focus is: seen on whatever has it, and scrolled to.

use eframe::egui::scroll_area::ScrollAreaOutput;
use eframe::egui::{
    Context, EventFilter, Id, Key, LayerId, Memory, Order, Rect, Response, ScrollArea, Stroke, StrokeKind, Ui,
};

use super::theme::Tokens;

/// What has the focus, where it is in sight.
#[must_use]
pub fn focused(ctx: &Context) -> Option<Rect> {
    let response = ctx.read_response(ctx.memory(Memory::focused)?)?;
    // Of what is scrolled half away, the half that is left.
    Some(response.interact_rect).filter(Rect::is_positive)
}

/// Whether the arrow keys belong to what has the focus: a slider, or something else that is dragged, to which Tab came. What a click
/// gave the focus leaves them to the window.
#[must_use]
pub fn holds_arrows(ctx: &Context) -> bool {
    let Some(id) = ctx.memory(Memory::focused) else { return false };
    let by_tab = ctx.data(|data| data.get_temp::<Id>(tabbed())) == Some(id);
    by_tab && ctx.read_response(id).is_some_and(|response| response.sense.senses_drag())
}

/// Keeps egui from moving the focus by arrow keys away from a slider that has it.
pub fn keep_arrows(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    }
}

/// So many frames after something happened.
const SETTLES: u8 = 2;

fn settling() -> Id {
    Id::unique("frames until the focus is settled")
}

fn tabbed() -> Id {
    Id::unique("focus that Tab came to")
}

/// Draws a line around what has the focus, whatever it draws itself.
pub fn ring(ctx: &Context) {
    if ctx.input(|i| i.key_pressed(Key::Tab)) {
        let id = ctx.memory(Memory::focused).unwrap_or(Id::NULL);
        ctx.data_mut(|data| data.insert_temp(tabbed(), id));
    }
    // What had the focus may be gone: egui notes it a frame later, and another takes the line away.
    let frames = if ctx.input(|i| !i.events.is_empty()) {
        SETTLES
    } else {
        ctx.data(|data| data.get_temp(settling())).unwrap_or(0)
    };
    if frames > 0 {
        ctx.request_repaint();
        ctx.data_mut(|data| data.insert_temp(settling(), frames - 1));
    }
    if let Some(rect) = focused(ctx) {
        let painter = ctx.layer_painter(LayerId::new(Order::Tooltip, Id::unique("focus")));
        let stroke = Stroke::new(1.5, Tokens::of(ctx.theme()).accent);
        painter.rect_stroke(rect.expand(1.0), 4.0, stroke, StrokeKind::Outside);
    }
}

/// What scrolls, and to what has the focus by itself.
pub trait ShowFollowing {
    /// Shows it, and brings what has the focus into sight, once it got it.
    fn show_following<R>(self, ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> ScrollAreaOutput<R>;
}

impl ShowFollowing for ScrollArea {
    fn show_following<R>(self, ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> ScrollAreaOutput<R> {
        self.show(ui, |ui| {
            let shown = content(ui);
            follow(ui);
            shown
        })
    }
}

/// At the end of what scrolls.
fn follow(ui: &Ui) {
    let Some(id) = ui.ctx().memory(Memory::focused) else { return };
    let seen = ui.scope_id().with("focus that was followed");
    if ui.data(|data| data.get_temp::<Id>(seen)) == Some(id) {
        return;
    }
    ui.data_mut(|data| data.insert_temp(seen, id));
    let Some(response) = ui.ctx().read_response(id) else { return };
    let inside = response.layer_id == ui.layer_id() && ui.min_rect().contains_rect(response.rect);
    if inside && !ui.clip_rect().contains_rect(response.rect) {
        ui.scroll_to_rect(response.rect, None);
    }
}
