//! What is seen: the frame of the window, its panes and sheets, tiles and controls. A view reads the state through its
//! [`context::Context`] and asks for effects by commands.

pub mod accessibility;
mod attack_controls;
mod availability;
mod caption;
pub mod catalogue;
mod column;
mod command_button;
pub mod context;
mod explain;
mod findings;
pub mod focus;
mod formulas;
mod glossary;
mod level_field;
pub mod mosaic;
mod noise_bar;
pub mod overlays;
mod pad;
pub mod panes;
mod path_field;
mod plot;
mod presentation;
pub mod shell;
mod sketches;
pub mod theme;
pub mod tile;
mod tour;
mod widgets;
