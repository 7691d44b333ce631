//! The attack, and what noise makes of it.

use super::entry::{Entry, Menu};
use crate::attack::{DenoiserSettings, Settings};
use crate::gui::state::document::Aim;

/// What can be done about the attack.
#[derive(Debug, Clone, PartialEq)]
pub enum AttackCommand {
    /// Be after the class, or after the denoiser.
    Aim(Aim),
    /// Change the attack on the class.
    Set(Box<Settings>),
    /// Change the attack on the denoiser; its level and seed are the noise's.
    SetDenoiser(DenoiserSettings),
    /// Another seed for the attack.
    Reroll,
    /// Go through the steps by itself, or stop.
    Play,
    /// Another seed for purification.
    RerollPurify,
    /// Attack now.
    Run,
    /// Stop the attack that goes on.
    Cancel,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use AttackCommand as C;
    let new = |place, command: C, name, hint| Entry::new(Menu::View, place, command, name, hint).under("Attack");
    vec![
        new(
            378,
            C::Aim(Aim::Class),
            "Attack the class",
            "Look for what makes the model take the picture for another class",
        ),
        new(
            379,
            C::Aim(Aim::Denoiser),
            "Attack the denoiser",
            "Look for what changes or spoils the restored picture most",
        ),
        new(380, C::Run, "Run the attack", "Attack the picture as the adversary pane says"),
        new(381, C::Cancel, "Cancel the attack", "Stop the attack that goes on"),
        new(382, C::Reroll, "Another seed for the attack", "Other random numbers"),
        new(383, C::RerollPurify, "Another seed for purification", "Other noise on the attacked picture"),
    ]
}
