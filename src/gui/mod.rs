//! The window: an egui application over the same [`crate::study`] that the command line runs.
//!
//! It lies in layers, of which each names those before it only:
//!
//! ```text
//! gpu < state < command < work < feature < view < app
//! ```
//!
//! Every effect is a `command::Command`; every wait is on another thread (`work`).

mod app;
mod command;
mod feature;
mod gpu;
mod state;
#[cfg(test)]
mod tests;
mod view;
mod work;

use std::path::PathBuf;

pub use app::{App, Threads};
use eframe::egui;
#[cfg(any(test, fuzzing))]
pub(crate) use feature::session_file::read as read_session;
#[cfg(test)]
pub(crate) use feature::session_file::seed as session_seed;

use crate::{Error, Result};

/// What the window opens with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Pictures, folders of pictures, session files or checkpoints.
    pub paths: Vec<PathBuf>,
    /// A bundled model's name or a checkpoint's path, instead of the last one.
    pub model: Option<String>,
    /// `auto`, `cpu`, `cuda`, `cuda:N` or `metal`, instead of the last one.
    pub device: Option<String>,
    /// The folder of what the window keeps: settings, pictures that are in no file, evaluations that were stopped. None:
    /// nothing is kept.
    pub kept: Option<PathBuf>,
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// [`Error::Device`] if there is no display, no graphics adapter that can draw it, or if the adapter is lost.
pub fn run(options: Options) -> Result<()> {
    let options = Options { kept: options.kept.or_else(|| eframe::storage_dir("denoscope")), ..options };
    listen();
    let icon = include_bytes!("../../packaging/icons/denoscope-256.png");
    let icon = eframe::icon_data::from_png_bytes(icon).expect("the program's own picture");
    let viewport = egui::ViewportBuilder::default()
        .with_title("Denoscope")
        .with_app_id("denoscope")
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([960.0, 540.0])
        .with_drag_and_drop(true)
        .with_icon(icon);
    let native = eframe::NativeOptions { viewport, renderer: eframe::Renderer::Wgpu, ..Default::default() };
    let loss = self::gpu::device_loss::DeviceLoss::default();
    let watched = loss.clone();
    let create: eframe::AppCreator<'_> = Box::new(move |cc| {
        if let Some(state) = &cc.wgpu_render_state {
            watched.watch(state, &cc.egui_ctx);
        }
        Ok(Box::new(App::new(cc, options, app::Threads::Spawned)))
    });
    let ending = eframe::run_native("denoscope", native, create);
    if let Some(reason) = loss.words() {
        return Err(Error::Device(format!(
            "the graphics device is lost ({reason}); open the window again, or use the command line: denoscope --help"
        )));
    }
    ending.map_err(|error| {
        use eframe::egui_wgpu::WgpuError;
        if let eframe::Error::Wgpu(WgpuError::RequestAdapterError(_) | WgpuError::CreateSurfaceError(_)) = error {
            return Error::Device(NO_ADAPTER.to_owned());
        }
        let reason = error.to_string();
        let reason = plain(reason.lines().next().unwrap_or("no reason given"));
        Error::Device(format!(
            "the window cannot open ({reason}); the command line works without one: denoscope --help"
        ))
    })
}

/// What is said where nothing can draw the window.
const NO_ADAPTER: &str = "the window cannot open: nothing here can draw it. Install a driver for Vulkan, Metal or DirectX 12 (Debian's \
                          mesa-vulkan-drivers draws without a card); the command line works without one: denoscope --help";

/// The words after the place in a library's source that some of them begin with.
fn plain(reason: &str) -> &str {
    let after = reason.rsplit_once(".rs:").map_or(reason, |(_, after)| after);
    after.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(": ")
}

/// Log records go to standard error as `RUST_LOG` says, and to the window's notices. A subscriber that is there stays.
fn listen() {
    use tracing_subscriber::layer::{Layer, SubscriberExt};
    use tracing_subscriber::util::SubscriberInitExt;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "denoscope=info".into());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter);
    let _ = tracing_subscriber::registry().with(lines).with(state::notices::NoticeLayer).try_init();
}
