//! The attack: its settings and seeds. What runs follows from them.

use super::play;
use crate::gui::command::AttackCommand;
use crate::gui::state::document::Aim;
use crate::gui::state::session::Play;
use crate::gui::work::denoiser_attack;
use crate::gui::work::host::Host;
use crate::gui::work::schedule;

/// Does a command about the attack.
pub fn run(host: &mut Host, command: AttackCommand) {
    let aim = host.document.aim(host.session.classes().len());
    let document = &mut host.document;
    match command {
        AttackCommand::Aim(aim) => document.aim = aim,
        AttackCommand::SetDenoiser(settings) => {
            if [settings.epsilon, settings.step_size, f64::from(settings.sigma)].iter().all(|number| number.is_finite())
            {
                document.denoiser_attack = settings;
            }
        }
        AttackCommand::Set(settings) => {
            // What is no number equals nothing, itself included: each frame would be a change to undo.
            let numbers = [settings.epsilon, f64::from(settings.sigma)];
            if numbers.iter().chain(settings.values.values()).all(|number| number.is_finite()) {
                document.attack = *settings;
            }
        }
        AttackCommand::Reroll => document.attack.seed = document.attack.seed.wrapping_add(1),
        AttackCommand::Run if aim == Aim::Denoiser => denoiser_attack::run(host),
        AttackCommand::Run => schedule::run_attack(host),
        AttackCommand::Cancel if aim == Aim::Denoiser => denoiser_attack::cancel(host),
        AttackCommand::Cancel => schedule::cancel_attack(host),
        AttackCommand::Play => play::toggle(host, Play::Steps(0.0)),
        AttackCommand::RerollPurify => document.purify_seed = document.purify_seed.wrapping_add(1),
    }
}
