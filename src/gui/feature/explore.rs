//! What is explored: the mode, the component that is looked at, the region.

use crate::gui::command::{ExploreCommand, WindowCommand};
use crate::gui::state::explore::Explore;
use crate::gui::state::pane::Pane;
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
    }
}
