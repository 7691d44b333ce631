//! A picture with an identity, so that the GPU's copy of it can be found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eframe::egui::ColorImage;

use crate::picture::{Picture, to_rgba8};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A shared picture. Two contents are equal if they are the same picture in memory, not merely equal values.
#[derive(Debug, Clone)]
pub struct Content {
    id: u64,
    picture: Arc<Picture>,
}

impl Content {
    /// A new identity for `picture`.
    #[must_use]
    pub fn new(picture: Picture) -> Self {
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), picture: Arc::new(picture) }
    }

    /// The number that no other content of this process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The picture.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The picture in 8 bits, as egui draws pictures.
    #[must_use]
    pub fn colour_image(&self) -> ColorImage {
        let shape = self.picture.shape();
        ColorImage::from_rgba_unmultiplied([shape.width, shape.height], &to_rgba8(&self.picture))
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl From<Picture> for Content {
    fn from(picture: Picture) -> Self {
        Self::new(picture)
    }
}
