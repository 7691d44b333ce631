//! The tile's paint callback: uploads pictures once, keeps each tile's uniforms, draws one quad.

use std::collections::HashMap;

use eframe::egui;
use eframe::egui_wgpu::{CallbackResources, CallbackTrait, RenderState, ScreenDescriptor, wgpu};

use super::content::Content;
use super::params::{Params, UNIFORM_BYTES};
use crate::picture::Picture;
use crate::study::looks::{DIVERGING, SEQUENTIAL};

/// Frames that an unused texture or tile is kept for, so that switching back and forth uploads nothing.
const KEEP_FRAMES: u64 = 120;

/// Draws one tile. egui prepares every callback of a frame before it paints any, so each tile keeps its own uniforms
/// and bindings under its own key.
#[derive(Debug)]
pub struct TileCallback {
    /// Which tile of the window: its own GPU state hangs on it.
    pub key: egui::Id,
    /// The frame's number, by which unused state is dropped.
    pub frame: u64,
    /// How it is shown.
    pub params: Params,
    /// What it shows.
    pub content: Content,
    /// The second picture of a comparison.
    pub operand: Option<Content>,
    /// What flip and wipe show.
    pub reference: Option<Content>,
}

/// Builds the pipeline, once a device.
pub fn install(state: &RenderState) {
    let resources = Gpu::new(&state.device, state.target_format);
    state.renderer.write().callback_resources.insert(resources);
}

struct Gpu {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    linear_target: bool,
    blank: wgpu::TextureView,
    textures: HashMap<u64, Uploaded>,
    tiles: HashMap<egui::Id, TileState>,
    frame: u64,
}

struct Uploaded {
    view: wgpu::TextureView,
    used: u64,
}

struct TileState {
    uniforms: wgpu::Buffer,
    bindings: wgpu::BindGroup,
    /// The contents that the bindings show.
    shown: [Option<u64>; 3],
    used: u64,
}

/// The shader of tiles with its colour maps.
pub(super) fn shader() -> String {
    [include_str!("../../../shaders/tile.wgsl"), &DIVERGING.wgsl(), &SEQUENTIAL.wgsl()].join("\n")
}

impl Gpu {
    fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let source = wgpu::ShaderSource::Wgsl(shader().into());
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("tile"), source });
        let texture = |binding| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Texture {
                sample_type: wgpu::TextureSampleType::Float { filterable: false },
                view_dimension: wgpu::TextureViewDimension::D2,
                multisampled: false,
            },
            count: None,
        };
        let uniforms = wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: false,
                min_binding_size: std::num::NonZeroU64::new(UNIFORM_BYTES as u64),
            },
            count: None,
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("tile"),
            entries: &[uniforms, texture(1), texture(2), texture(3)],
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("tile"),
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("tile"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("vertex"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState { topology: wgpu::PrimitiveTopology::TriangleStrip, ..Default::default() },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("fragment"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(target.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let blank = texture_of(device, 1, 1).create_view(&wgpu::TextureViewDescriptor::default());
        Self {
            pipeline,
            layout,
            linear_target: target.is_srgb(),
            blank,
            textures: HashMap::new(),
            tiles: HashMap::new(),
            frame: 0,
        }
    }

    /// Uploads what is new, binds what changed, writes the uniforms.
    fn prepare(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, tile: &TileCallback) {
        if self.frame != tile.frame {
            self.frame = tile.frame;
            self.textures.retain(|_, texture| texture.used + KEEP_FRAMES > tile.frame);
            self.tiles.retain(|_, state| state.used + KEEP_FRAMES > tile.frame);
        }
        let contents = [Some(&tile.content), tile.operand.as_ref(), tile.reference.as_ref()];
        for content in contents.into_iter().flatten() {
            let uploaded = self
                .textures
                .entry(content.id())
                .or_insert_with(|| Uploaded { view: upload(device, queue, content.picture()), used: 0 });
            uploaded.used = tile.frame;
        }
        let shown = contents.map(|content| content.map(Content::id));
        if self.tiles.get(&tile.key).is_none_or(|state| state.shown != shown) {
            let uniforms = self.tiles.remove(&tile.key).map_or_else(|| uniform_buffer(device), |old| old.uniforms);
            let bindings = self.bind(device, &uniforms, shown);
            self.tiles.insert(tile.key, TileState { uniforms, bindings, shown, used: tile.frame });
        }
        if let Some(state) = self.tiles.get_mut(&tile.key) {
            state.used = tile.frame;
            let shape = tile.content.picture().shape();
            let bytes = tile.params.uniforms([shape.width as f32, shape.height as f32], self.linear_target);
            queue.write_buffer(&state.uniforms, 0, &bytes);
        }
    }

    fn bind(&self, device: &wgpu::Device, uniforms: &wgpu::Buffer, shown: [Option<u64>; 3]) -> wgpu::BindGroup {
        let view = |index: usize| {
            let uploaded = shown[index].and_then(|id| self.textures.get(&id));
            wgpu::BindingResource::TextureView(uploaded.map_or(&self.blank, |u| &u.view))
        };
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("tile"),
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: uniforms.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: view(0) },
                wgpu::BindGroupEntry { binding: 2, resource: view(1) },
                wgpu::BindGroupEntry { binding: 3, resource: view(2) },
            ],
        })
    }
}

impl CallbackTrait for TileCallback {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(gpu) = resources.get_mut::<Gpu>() {
            gpu.prepare(device, queue, self);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        let Some(gpu) = resources.get::<Gpu>() else { return };
        if let Some(state) = gpu.tiles.get(&self.key) {
            pass.set_pipeline(&gpu.pipeline);
            pass.set_bind_group(0, &state.bindings, &[]);
            pass.draw(0..4, 0..1);
        }
    }
}

fn uniform_buffer(device: &wgpu::Device) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("tile"),
        size: UNIFORM_BYTES as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

fn texture_of(device: &wgpu::Device, width: u32, height: u32) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba32Float,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

/// Planar values to interleaved RGBA; grey goes to all three colours.
fn upload(device: &wgpu::Device, queue: &wgpu::Queue, picture: &Picture) -> wgpu::TextureView {
    let shape = picture.shape();
    let planes = [0, 1, 2].map(|c| picture.plane(c.min(shape.channels - 1)));
    let mut bytes = Vec::with_capacity(shape.width * shape.height * 16);
    for ((red, green), blue) in planes[0].iter().zip(planes[1]).zip(planes[2]) {
        for value in [*red, *green, *blue, 1.0] {
            bytes.extend(value.to_ne_bytes());
        }
    }
    let (width, height) = (shape.width as u32, shape.height as u32);
    let texture = texture_of(device, width, height);
    queue.write_texture(
        texture.as_image_copy(),
        &bytes,
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * 16), rows_per_image: None },
        wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
    );
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}
