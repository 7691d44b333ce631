//! How much memory a card has, as its driver tells.

#![allow(unsafe_code)]

/// Bytes of the largest heap that the driver calls the device's own: a card's memory, or the share of the machine's that a part of
/// the processor's chip may take. None under Metal and DirectX 12, of which it is not asked.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn bytes(adapter: &wgpu::Adapter) -> Option<u64> {
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`.
    const OWN: u32 = 1;
    // SAFETY: the driver is asked for numbers while the adapter lives; nothing is made, changed or destroyed.
    let memory = unsafe {
        let vulkan = adapter.as_hal::<wgpu::hal::api::Vulkan>()?;
        vulkan.shared_instance().raw_instance().get_physical_device_memory_properties(vulkan.raw_physical_device())
    };
    let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
    heaps.filter(|heap| heap.flags.as_raw() & OWN != 0).map(|heap| heap.size).max()
}

/// Metal is not asked.
#[cfg(target_vendor = "apple")]
pub(super) fn bytes(_: &wgpu::Adapter) -> Option<u64> {
    None
}
