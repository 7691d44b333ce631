//! The photograph at its own size: what is shown of it, and out with it.

use tracing::Level;

use crate::gui::command::{FillCommand, PhotoCommand, WindowCommand};
use crate::gui::feature::export::stem;
use crate::gui::state::pane::Pane;
use crate::gui::state::photo::PhotoView;
use crate::gui::work::dialogs::save_as;
use crate::gui::work::host::Host;
use crate::gui::work::{photo as work, photo_fill};
use crate::picture;

/// Does a command about the photograph.
pub fn run(host: &mut Host, command: PhotoCommand) {
    use PhotoCommand as C;
    let classes = host.session.classes().len();
    let photo = &mut host.session.photo;
    match command {
        C::Show(shown) => {
            photo.shown = shown;
            host.run(WindowCommand::Show(Pane::PHOTOGRAPH));
        }
        C::SetClass(class) => photo.class = class.filter(|&class| class < classes),
        C::WholeInSight => photo.view = PhotoView::default(),
        C::ActualPixels => photo.view.scale = Some(1.0),
        C::Estimate => {
            if !work::estimate(host) {
                host.say(Level::WARN, "Open a picture first.");
            }
        }
        C::ToggleWhole => work::toggle(host),
        C::Save => save(host),
        C::Fill(command) => fill(host, command),
    }
}

/// Does a command about a hole.
fn fill(host: &mut Host, command: FillCommand) {
    use FillCommand as C;
    let photo = &mut host.session.photo;
    match command {
        C::SetForm(form) => photo.fill.form = form.mended(),
        C::Paint { piece, begins } => {
            let Some(size) = photo.base.as_ref().map(|base| base.full().picture().shape()) else { return };
            photo_fill::stop(host);
            host.session.photo.fill.paint([size.width, size.height], piece, begins);
        }
        C::Undo => {
            photo_fill::stop(host);
            host.session.photo.fill.undo();
        }
        C::Clear => {
            photo_fill::stop(host);
            host.session.photo.fill.clear();
        }
        C::Begin => photo_fill::begin(host),
        C::Stop => photo_fill::stop(host),
        C::LookAt(look) => photo.fill.look_at(look),
        C::Save => save_filled(host),
    }
}

/// Asks where to, then saves the photograph with the fill that is looked at.
fn save_filled(host: &mut Host) {
    let photo = &host.session.photo;
    let filled = photo.base.as_ref().and_then(|base| photo.fill.filled(base.full().picture()));
    let Some(filled) = filled else {
        host.say(Level::WARN, "Fill a hole in the pane Photograph, and look at a fill or their mean: that is saved.");
        return;
    };
    let name = format!("{}-filled.png", stem(host));
    save_as(host, &name, "Pictures", &["png", "jpg", "webp", "bmp", "tiff"], move |path| {
        picture::save(path, &filled, true)
    });
}

/// Asks where to, then saves the restored photograph.
fn save(host: &mut Host) {
    let Some(restored) = host.session.photo.result().map(|whole| whole.layer.full().clone()) else {
        host.say(Level::WARN, "The whole photograph is not restored yet; the Photograph pane shows how far it is.");
        return;
    };
    let name = format!("{}-restored.png", stem(host));
    save_as(host, &name, "Pictures", &["png", "jpg", "webp", "bmp", "tiff"], move |path| {
        picture::save(path, restored.picture(), true)
    });
}
