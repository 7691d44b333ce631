//! The graphics device, watched: if it goes, the window closes with a line that says so, instead of a panic.

use std::sync::{Arc, OnceLock};

use eframe::egui;
use eframe::egui_wgpu::{RenderState, wgpu};

/// Why the graphics device is gone, once it is.
#[derive(Debug, Clone, Default)]
pub struct DeviceLoss(Arc<OnceLock<String>>);

impl DeviceLoss {
    /// Closes the window when the device of `state` is lost or fails.
    pub fn watch(&self, state: &RenderState, ctx: &egui::Context) {
        let note = {
            let (reason, ctx) = (self.0.clone(), ctx.clone());
            move |words: String| {
                let first = words.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
                // What is said first is the cause; what follows are its consequences.
                if reason.set(first.trim().to_owned()).is_ok() {
                    ctx.send_viewport_cmd_to(egui::ViewportId::ROOT, egui::ViewportCommand::Close);
                    ctx.request_repaint();
                }
            }
        };
        let lost = note.clone();
        state.device.set_device_lost_callback(move |reason, words| lost(format!("{reason:?} {words}")));
        let failed: Arc<dyn wgpu::UncapturedErrorHandler> = Arc::new(move |error: wgpu::Error| note(error.to_string()));
        state.device.on_uncaptured_error(failed);
    }

    /// What was said when the device went.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use eframe::egui::{ViewportCommand, ViewportId};
    use egui_kittest::Harness;

    use super::*;
    use crate::gui::gpu::can_draw;

    struct Nothing;

    impl eframe::App for Nothing {
        fn ui(&mut self, _: &mut egui::Ui, _: &mut eframe::Frame) {}
    }

    #[test]
    fn a_lost_device_closes_the_window_and_leaves_words() {
        if !can_draw() {
            return;
        }
        let (sender, receiver) = channel();
        let mut harness = Harness::builder().wgpu().build_eframe(move |cc| {
            let (loss, state) = (DeviceLoss::default(), cc.wgpu_render_state.clone().unwrap());
            loss.watch(&state, &cc.egui_ctx);
            sender.send((loss, state)).unwrap();
            Nothing
        });
        let (loss, state) = receiver.recv().unwrap();
        harness.step();
        assert_eq!(loss.words(), None);
        state.device.destroy();
        state.device.poll(wgpu::PollType::wait_indefinitely()).ok();
        assert!(loss.words().is_some());
        harness.step();
        let commands = &harness.output().viewport_output[&ViewportId::ROOT].commands;
        assert!(commands.contains(&ViewportCommand::Close), "{commands:?}");
    }
}
