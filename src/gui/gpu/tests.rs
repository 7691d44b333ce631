//! The shader is valid, and the graphics processor and the twin draw the same.

use eframe::egui::{self, Rect, pos2, vec2};
use eframe::egui_wgpu::{Callback, wgpu};
use egui_kittest::Harness;

use super::*;
use crate::picture::{Noise, Picture, Shape};
use crate::skip::skipped;

/// Every file of the window's shaders is checked; the network's, in a folder of their own, are checked with their kernels.
#[test]
fn every_shader_is_valid() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let is_tile = path.file_name().is_some_and(|name| name == "tile.wgsl");
        let text = if is_tile { super::callback::shader() } else { std::fs::read_to_string(&path).unwrap() };
        let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
        let all = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
        naga::valid::Validator::new(all.0, all.1).validate(&module).unwrap();
        count += 1;
    }
    assert!(count > 0);
}

/// Where the tile lies in the test's window.
const RECT: Rect = Rect { min: pos2(8.0, 8.0), max: pos2(72.0, 72.0) };

struct OneTile {
    params: Params,
    contents: [Content; 3],
}

impl eframe::App for OneTile {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let [content, operand, reference] = self.contents.clone();
        let callback = TileCallback {
            key: egui::Id::unique("tile"),
            frame: 1,
            params: self.params,
            content,
            operand: Some(operand),
            reference: Some(reference),
        };
        ui.painter().add(Callback::new_paint_callback(RECT, callback));
    }
}

/// Whether there is an adapter, Mesa's software one for instance.
pub fn can_draw() -> bool {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let found = !pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY)).is_empty();
    if !found {
        skipped("gpu", "there is no Vulkan, Metal or DX12 adapter (Debian: libvulkan1 mesa-vulkan-drivers)");
    }
    found
}

fn contents(shape: Shape) -> [Content; 3] {
    let picture = |seed| {
        let ramp = (0..shape.len()).map(|i| (i * 31 % 97) as f32 / 96.0).collect();
        Noise::gaussian(0.2, seed).apply(&Picture::new(shape, ramp))
    };
    [1, 2, 3].map(|seed| picture(seed).into())
}

fn both(contents: &[Content; 3], params: Params) -> (Vec<u8>, Vec<u8>) {
    let plane = Plane {
        content: contents[0].picture(),
        operand: Some(contents[1].picture()),
        reference: Some(contents[2].picture()),
    };
    let twin = picture_of(plane, &params);
    let mut harness =
        Harness::builder().with_size(vec2(80.0, 80.0)).with_render_cursor(false).wgpu().build_eframe(|cc| {
            install(cc.wgpu_render_state.as_ref().unwrap());
            OneTile { params, contents: contents.clone() }
        });
    harness.step();
    let drawn = harness.render().unwrap();
    let rows = RECT.top() as u32..RECT.bottom() as u32;
    let pixels = rows.flat_map(|y| (RECT.left() as u32..RECT.right() as u32).map(move |x| (x, y)));
    let gpu = pixels.flat_map(|(x, y)| drawn.get_pixel(x, y).0[..3].to_vec()).collect();
    (gpu, twin)
}

#[test]
fn the_graphics_processor_and_the_twin_agree() {
    if !can_draw() {
        return;
    }
    let looks = Mode::ALL.into_iter().flat_map(|mode| {
        Compare::ALL.map(|compare| Look { mode, compare, channel: Channel::All, gain: 1.7, offset: 0.05 })
    });
    let channels = Channel::ALL.map(|channel| Look { channel, ..Look::default() });
    let magnified = Viewport { origin: [3.3, 2.1], span: [9.0, 9.0] };
    let minified = Viewport { origin: [-40.0, -30.0], span: [200.0, 200.0] };
    let base = Params {
        look: Look::default(),
        viewport: magnified,
        screen: [64.0, 64.0],
        wipe: -1.0,
        grid: 0.0,
        flipped: false,
        backdrop: [0.2, 0.3, 0.4],
    };
    let mut cases: Vec<(Shape, Params)> =
        looks.chain(channels).map(|look| (Shape::new(3, 16, 16), Params { look, ..base })).collect();
    cases.push((Shape::new(1, 16, 16), base));
    cases.push((Shape::new(3, 120, 130), Params { viewport: minified, ..base }));
    cases.push((Shape::new(3, 16, 16), Params { wipe: 7.0, ..base }));
    cases.push((Shape::new(3, 16, 16), Params { flipped: true, ..base }));
    for (shape, params) in cases {
        let (gpu, twin) = both(&contents(shape), params);
        assert_eq!(gpu.len(), twin.len());
        // A sample may fall on the other side of a pixel's edge, and a colour round to the neighbouring byte.
        let off = gpu.iter().zip(&twin).filter(|(a, b)| a.abs_diff(**b) > 2).count();
        assert!(off * 200 <= gpu.len(), "{off} of {} bytes differ under {params:?}", gpu.len());
    }
}

#[test]
fn what_is_no_number_is_magenta() {
    let picture = Picture::new(Shape::new(1, 1, 2), vec![f32::NAN, f32::INFINITY]);
    let params = Params {
        look: Look::default(),
        viewport: Viewport { origin: [0.0, 0.0], span: [2.0, 1.0] },
        screen: [2.0, 1.0],
        wipe: -1.0,
        grid: 0.0,
        flipped: false,
        backdrop: [0.0; 3],
    };
    let plane = Plane { content: &picture, operand: None, reference: None };
    assert_eq!(picture_of(plane, &params), [255, 0, 255, 255, 0, 255]);
}
