//! Every effect of the window is a [`Command`]. Each group has a file with what it can do and how a person finds it;
//! menus, shortcuts, the palette, tooltips and the help sheet are made from those entries. Who does a group's commands
//! matches on all of them, so that one without an effect does not compile.

mod attack;
mod certify;
mod entry;
mod evaluate;
mod explore;
mod export;
mod model;
mod noise;
mod photo;
mod picture;
mod tile;
mod train;
mod trials;
mod versus;
mod window;

pub use attack::AttackCommand;
pub use certify::CertifyCommand;
pub use entry::{Entry, Menu};
pub use evaluate::{EvaluateCommand, Format};
pub use explore::{DrawCommand, ExploreCommand};
pub use export::ExportCommand;
pub use model::ModelCommand;
pub use noise::NoiseCommand;
pub use photo::{FillCommand, PhotoCommand};
pub use picture::PictureCommand;
pub use tile::TileCommand;
pub use train::TrainCommand;
pub use trials::TrialsCommand;
pub use versus::VersusCommand;
pub use window::WindowCommand;

/// Something that the window can do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// About pictures, folders and sessions that are open or to be opened.
    Picture(PictureCommand),
    /// Results out.
    Export(ExportCommand),
    /// About the noise.
    Noise(NoiseCommand),
    /// About tiles and what they are compared with.
    Tile(TileCommand),
    /// About the attack.
    Attack(AttackCommand),
    /// About several attacks side by side.
    Trials(TrialsCommand),
    /// About the certificate.
    Certify(CertifyCommand),
    /// About what is explored.
    Explore(ExploreCommand),
    /// About the photograph at its own size.
    Photo(PhotoCommand),
    /// About evaluations.
    Evaluate(EvaluateCommand),
    /// About training.
    Train(TrainCommand),
    /// About models and devices.
    Model(ModelCommand),
    /// About a second model.
    Versus(VersusCommand),
    /// About the window itself.
    Window(WindowCommand),
}

/// A group is a command.
macro_rules! groups {
    ($($variant:ident($group:ident)),* $(,)?) => {
        $(impl From<$group> for Command {
            fn from(command: $group) -> Self {
                Self::$variant(command)
            }
        })*
    };
}
groups! {
    Picture(PictureCommand),
    Export(ExportCommand),
    Noise(NoiseCommand),
    Tile(TileCommand),
    Attack(AttackCommand),
    Trials(TrialsCommand),
    Certify(CertifyCommand),
    Explore(ExploreCommand),
    Photo(PhotoCommand),
    Evaluate(EvaluateCommand),
    Train(TrainCommand),
    Model(ModelCommand),
    Versus(VersusCommand),
    Window(WindowCommand),
}

/// What menus, palette and help list of every group; `panes` are those that bring a pane to the front.
#[must_use]
pub fn entries(panes: Vec<Entry>) -> Vec<Entry> {
    let mut entries = [
        picture::entries(),
        export::entries(),
        noise::entries(),
        tile::entries(),
        attack::entries(),
        trials::entries(),
        certify::entries(),
        explore::entries(),
        photo::entries(),
        evaluate::entries(),
        train::entries(),
        model::entries(),
        versus::entries(),
        window::entries(),
        panes,
    ]
    .concat();
    entries.sort_by_key(|entry| (entry.menu as usize, entry.place));
    entries
}
