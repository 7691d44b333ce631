//! How much memory the jobs of a device may take.

use super::adapters::{Kind, ready};

/// Below this no job is worth a card.
const LEAST: u64 = 64 << 20;

/// Bytes of the buffers by which a driver is asked.
const PIECE: u64 = 256 << 20;

/// The most that is worth having, halved until the driver has room for it by now.
///
/// Vulkan alone tells how much memory there is, and nothing tells what of it others use. But a driver that knows refuses, and the library underneath refuses in its
/// name what would take more than nine tenths of what the driver says is left.
pub(super) fn of(device: &wgpu::Device, kind: Kind) -> u64 {
    let most: u64 = match kind {
        Kind::Discrete => 2 << 30,
        // Of the memory that all programs share.
        Kind::Integrated | Kind::Virtual | Kind::Other | Kind::Software => 1 << 30,
    };
    halved(most, |bytes| has_room(device, bytes))
}

fn halved(most: u64, fits: impl Fn(u64) -> bool) -> u64 {
    let mut bytes = most;
    while bytes > LEAST && !fits(bytes) {
        bytes /= 2;
    }
    bytes
}

/// Whether a driver would give so many bytes. Nothing is written to them.
fn has_room(device: &wgpu::Device, bytes: u64) -> bool {
    let size = device.limits().max_buffer_size.min(PIECE).min(bytes);
    let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let descriptor =
        wgpu::BufferDescriptor { label: None, size, usage: wgpu::BufferUsages::STORAGE, mapped_at_creation: false };
    let buffers: Vec<wgpu::Buffer> = (0..bytes / size).map(|_| device.create_buffer(&descriptor)).collect();
    let error = ready(scope.pop());
    buffers.iter().for_each(wgpu::Buffer::destroy);
    error.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_what_fits() {
        assert_eq!(halved(2 << 30, |_| true), 2 << 30);
        assert_eq!(halved(2 << 30, |bytes| bytes < 700 << 20), 512 << 20);
        assert_eq!(halved(2 << 30, |_| false), LEAST);
    }
}
