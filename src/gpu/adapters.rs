//! The graphics adapters of this machine, and which one a person means.

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use super::own_memory;
use crate::{Error, Result};

/// A graphics adapter behind one of the system's interfaces; a card may appear under several.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its place in the list: what `gpu:N` counts from 0.
    pub number: usize,
    /// The name that its driver gives.
    pub name: String,
    /// The interface: `Vulkan`, `Metal` or `DX12`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// What sort it is.
    pub kind: Kind,
    /// Bytes of its memory; none where the interface does not tell.
    pub memory: Option<u64>,
    /// The most bytes of a buffer that a kernel may read.
    pub binding_bytes: u64,
    /// Threads that share memory, at most.
    pub threads: u32,
    pub(super) adapter: wgpu::Adapter,
}

/// The sorts of adapter, the preferred first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A card of its own.
    Discrete,
    /// A part of the processor's chip.
    Integrated,
    /// A share of a card in a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// A program that pretends to be a card, hundreds of times slower than this program's own arithmetic.
    Software,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Other => "unknown",
            Self::Software => "software",
        }
    }

    fn of(info: &wgpu::AdapterInfo) -> Self {
        // Windows' basic driver has been seen to call itself integrated.
        const PRETENDERS: [&str; 5] = ["llvmpipe", "lavapipe", "swiftshader", "basic render", "software"];
        let name = info.name.to_lowercase();
        if PRETENDERS.iter().any(|pretender| name.contains(pretender)) {
            return Self::Software;
        }
        match info.device_type {
            wgpu::DeviceType::DiscreteGpu => Self::Discrete,
            wgpu::DeviceType::IntegratedGpu => Self::Integrated,
            wgpu::DeviceType::VirtualGpu => Self::Virtual,
            wgpu::DeviceType::Cpu => Self::Software,
            wgpu::DeviceType::Other => Self::Other,
        }
    }
}

/// Which adapter a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The best that is no software.
    Best,
    /// By its place in the list.
    Number(usize),
    /// By a part of its name, in any case of letters.
    Name(String),
}

impl Selector {
    /// Of what stands after `gpu:`; nothing means the best.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "" => Self::Best,
            text => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Number),
        }
    }
}

impl Card {
    /// The number and name under which it is shown: `gpu:0 (NVIDIA GeForce RTX 3060, Vulkan)`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("gpu:{} ({}, {})", self.number, self.name, self.backend)
    }
}

/// Whether asking the drivers for a card that is no software is worth the time: on Linux, whether a device is there.
#[must_use]
pub fn may_have_card() -> bool {
    const DEVICES: [&str; 5] = ["/dev/dri", "/dev/nvidiactl", "/dev/dxg", "/dev/mali0", "/dev/kgsl-3d0"];
    !cfg!(target_os = "linux") || DEVICES.iter().any(|path| std::path::Path::new(path).exists())
}

/// Every adapter, in the order of their numbers: those of one card side by side, Vulkan and Metal before DirectX 12.
///
/// The drivers are asked once.
#[must_use]
pub fn cards() -> &'static [Card] {
    static CARDS: OnceLock<Vec<Card>> = OnceLock::new();
    CARDS.get_or_init(enumerate)
}

fn enumerate() -> Vec<Card> {
    // Nothing here draws, so no display is needed; the system's checking layers stay out.
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let thresholds = wgpu::MemoryBudgetThresholds { for_resource_creation: Some(90), for_device_loss: None };
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        flags: wgpu::InstanceFlags::empty(),
        memory_budget_thresholds: thresholds,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let found = ready(instance.enumerate_adapters(backends));
    let card = |(number, adapter): (usize, wgpu::Adapter)| {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        Card {
            number,
            kind: Kind::of(&info),
            name: info.name,
            backend: match info.backend {
                wgpu::Backend::Vulkan => "Vulkan".to_owned(),
                wgpu::Backend::Metal => "Metal".to_owned(),
                wgpu::Backend::Dx12 => "DX12".to_owned(),
                other => other.to_string(),
            },
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            memory: own_memory::bytes(&adapter),
            binding_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
            threads: limits.max_compute_invocations_per_workgroup,
            adapter,
        }
    };
    found.into_iter().enumerate().map(card).collect()
}

/// The card that is meant.
///
/// # Errors
/// [`Error::Device`] if there is none, naming those that there are.
pub fn choose(selector: &Selector) -> Result<Card> {
    pick(cards().to_vec(), selector)
}

fn pick(cards: Vec<Card>, selector: &Selector) -> Result<Card> {
    let listed = cards.iter().map(Card::title).collect::<Vec<_>>().join(", ");
    let listed = if listed.is_empty() {
        "this machine has no graphics driver that can compute".to_owned()
    } else {
        format!("there are {listed}")
    };
    let (asked, found) = match selector {
        Selector::Best => {
            let hardware = cards.into_iter().filter(|card| card.kind != Kind::Software);
            ("gpu: no graphics card".to_owned(), hardware.min_by_key(|card| card.kind))
        }
        Selector::Number(number) => {
            (format!("gpu:{number}: no such adapter"), cards.into_iter().find(|card| card.number == *number))
        }
        Selector::Name(name) => {
            let wanted = name.to_lowercase();
            let fits = |card: &Card| card.name.to_lowercase().contains(&wanted);
            (format!("gpu:{name}: no adapter of that name"), cards.into_iter().find(fits))
        }
    };
    found.ok_or_else(|| Error::Device(format!("--device {asked} ({listed}); choose --device cpu")))
}

/// The result of a future that outside a browser is ready at once.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::yield_now();
    }
}
