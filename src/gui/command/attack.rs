//! The attack, and what noise makes of it.

use crate::attack::Settings;

/// What can be done about the attack.
#[derive(Debug, Clone, PartialEq)]
pub enum AttackCommand {
    /// Change the attack.
    Set(Box<Settings>),
    /// Another seed for the attack.
    Reroll,
    /// Another seed for purification.
    RerollPurify,
}
