//! Names, for those who do not see the window, of what libraries leave without: dividers, tab bars, scroll bars.

use eframe::egui::accesskit::{Action, Node, Role};
use eframe::egui::{Context, FullOutput, Plugin};

/// A divider is at most this thick; a tab bar is thicker.
const THICKEST_DIVIDER: f64 = 14.0;

/// Names the nameless in what goes out to assistive technology.
pub struct Names;

impl Plugin for Names {
    fn debug_name(&self) -> &'static str {
        "names"
    }

    fn output_hook(&mut self, _: &Context, output: &mut FullOutput) {
        let update = output.platform_output.accesskit_update.iter_mut();
        for (_, node) in update.flat_map(|update| &mut update.nodes) {
            let nameless = node.label().is_none() && node.supports_action(Action::Click);
            match node.role() {
                Role::Unknown if nameless => name(node),
                Role::ScrollBar if nameless => node.set_label("Scroll bar"),
                _ => {}
            }
        }
    }
}

fn name(node: &mut Node) {
    let thickness = node.bounds().map_or(0.0, |b| (b.x1 - b.x0).min(b.y1 - b.y0));
    let (role, words) = if thickness <= THICKEST_DIVIDER {
        (Role::Splitter, "Divider between panes")
    } else {
        (Role::TabList, "Tabs of panes, to drag")
    };
    node.set_role(role);
    node.set_label(words);
}
