//! What the window holds: what a person works on ([`document`], undoable by [`history`]), how they like to work
//! ([`settings`], saved), and what comes and goes ([`session`]). Plain data: it runs nothing and shows nothing.

pub mod answers;
pub mod counting;
pub mod document;
pub mod drawn;
pub mod evaluation_form;
pub mod explore;
pub mod history;
pub mod hole;
pub mod mend;
pub mod model;
pub mod notices;
pub mod pace;
pub mod pane;
pub mod photo;
pub mod photo_fill;
pub mod session;
pub mod settings;
pub mod tile_content;
pub mod tour;
pub mod track;
pub mod training_form;
pub mod trials;
pub mod versus;
