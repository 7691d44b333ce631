//! The attack, and what noise makes of it.

use super::entry::{Entry, Menu};
use crate::attack::Settings;

/// What can be done about the attack.
#[derive(Debug, Clone, PartialEq)]
pub enum AttackCommand {
    /// Change the attack.
    Set(Box<Settings>),
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
        new(380, C::Run, "Run the attack", "Attack the picture as the adversary pane says"),
        new(381, C::Cancel, "Cancel the attack", "Stop the attack that goes on"),
        new(382, C::Reroll, "Another seed for the attack", "Other random numbers"),
        new(383, C::RerollPurify, "Another seed for purification", "Other noise on the attacked picture"),
    ]
}
