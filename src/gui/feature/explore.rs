//! What is explored: the mode, the component that is looked at, the region.

use crate::gui::command::{DrawCommand, ExploreCommand, WindowCommand};
use crate::gui::state::drawn::{FRAMES, Known};
use crate::gui::state::explore::Explore;
use crate::gui::state::pane::Pane;
use crate::gui::state::session::Overlay;
use crate::gui::work::drawing;
use crate::gui::work::host::Host;

/// Does a command about what is explored.
pub fn run(host: &mut Host, command: ExploreCommand) {
    use ExploreCommand as C;
    let shape = host.session.fitted.as_ref().map(|fitted| fitted.content.picture().shape());
    let explore = &mut host.session.explore;
    match command {
        C::Show(mode) => {
            explore.mode = mode;
            host.run(WindowCommand::Show(Pane::EXPLORE));
        }
        C::Begin(mode) => {
            host.run(C::Show(mode));
            host.run(C::Draw(DrawCommand::Begin));
        }
        C::Choose(component) => {
            explore.chosen = component;
            explore.show_component();
        }
        C::ChooseEvidence(of) => explore.show_evidence(of),
        C::Walk(sigmas) => {
            if sigmas.is_finite() {
                explore.walk = sigmas.clamp(-Explore::WALK, Explore::WALK);
                explore.show_component();
            }
        }
        C::SetRegion(region) => {
            explore.region = region.zip(shape).map(|(region, shape)| Explore::fitting(region, shape));
        }
        C::Formula => host.session.overlay = Some(Overlay::Formula(explore.mode)),
        C::Draw(command) => draw(host, command),
    }
}

/// Does a command about what is drawn.
fn draw(host: &mut Host, command: DrawCommand) {
    use DrawCommand as C;
    let classes = host.session.classes().len();
    let fitted = host.session.fitted.as_ref().map(|fitted| fitted.content.clone());
    let drawn = &mut host.session.explore.drawn;
    match (command, fitted) {
        (C::SetForm(form), fitted) => drawn.set_form(form.mended(classes), fitted.as_ref()),
        (C::Begin, _) => drawn.wanted = true,
        (C::Stop, _) => drawing::stop(host),
        (C::LookAt(frame), Some(fitted)) => {
            drawn.frame = frame.min(FRAMES);
            drawn.show_samples(fitted.picture().shape());
        }
        (C::Position(position), _) => {
            drawn.position = position.min(drawn.positions.len().saturating_sub(1));
            drawn.show_position();
        }
        (C::Paint { from, to, hole }, Some(fitted))
            if drawn.form.known == Known::Painted && from.iter().chain(&to).all(|v| v.is_finite()) =>
        {
            drawn.paint(fitted.picture(), from, to, hole);
        }
        (C::ClearHole, Some(fitted)) => drawn.clear_hole(fitted.picture()),
        (C::LookAt(_) | C::Paint { .. } | C::ClearHole, _) => {}
    }
}
