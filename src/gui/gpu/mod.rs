//! What the graphics processor draws: tiles, pictures of `f32` values by one shader, each with its own state, and the
//! shader's twin on the processor; and the device itself, watched.

mod callback;
mod content;
pub mod device_loss;
mod params;
mod twin;
mod viewport;

pub use callback::{TileCallback, install};
pub use content::Content;
pub use params::{Channel, Compare, Look, Mode, Params};
pub use twin::{Plane, picture_of, value_at};
pub use viewport::{View, Viewport};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub use tests::can_draw;
