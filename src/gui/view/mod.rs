//! What is seen: the frame of the window, its panes and sheets, tiles and controls. A view reads the state through its
//! [`context::Context`] and asks for effects by commands.

pub mod accessibility;
mod attack_controls;
mod availability;
mod caption;
pub mod catalogue;
mod command_button;
pub mod context;
mod findings;
mod glossary;
mod level_field;
pub mod mosaic;
mod noise_bar;
pub mod overlays;
pub mod panes;
mod plot;
pub mod shell;
pub mod theme;
mod tile;
mod tour;
mod widgets;
