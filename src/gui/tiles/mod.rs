//! Tiles: pictures of `f32` values drawn by one shader, each with its own state, and the shader's twin on the processor.

mod callback;
mod content;
mod params;
mod twin;
mod view;

pub use callback::{TileCallback, install};
pub use content::Content;
pub use params::{Channel, Compare, Look, Mode, Params};
pub use twin::{Plane, diverging, picture_of, sequential, value_at};
pub use view::{View, Viewport};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub use tests::can_draw;
