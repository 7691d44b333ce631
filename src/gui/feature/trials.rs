//! Several attacks side by side: which, and when.

use crate::gui::command::{AttackCommand, TrialsCommand, WindowCommand};
use crate::gui::state::pane::Pane;
use crate::gui::work::host::Host;
use crate::gui::work::trials;

/// Does a command about several attacks.
pub fn run(host: &mut Host, command: TrialsCommand) {
    use TrialsCommand as C;
    match command {
        C::Toggle(method) => host.session.trials.toggle(method),
        C::Show(shown) => host.session.trials.shown = shown,
        C::Run => {
            host.run(WindowCommand::Show(Pane::TRIALS));
            trials::run(host);
        }
        C::Cancel => trials::cancel(host),
        C::Take(index) => {
            if let Some(trial) = host.session.trials.found.get(index) {
                host.run(AttackCommand::Set(Box::new(trial.settings.clone())));
                host.run(WindowCommand::Show(Pane::ADVERSARY));
            }
        }
    }
}
