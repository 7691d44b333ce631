//! A picture, and several of one shape, as planar `f32` arrays.

/// Channels, height and width of a picture, in that order of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Colour channels: 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// A shape from channels, height and width.
    #[must_use]
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// How many values a picture of this shape has.
    #[must_use]
    pub const fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether such a picture has no values.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { channels, height, width } = self;
        write!(f, "{channels}×{height}×{width}")
    }
}

/// One picture: `[channels, height, width]` values, row after row, plane after plane.
///
/// A clean picture's values lie in [0, 1]. A noisy picture, a residual or a gradient has the same layout and may lie
/// anywhere: nothing here clips.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    shape: Shape,
    values: Vec<f32>,
}

impl Picture {
    /// A picture of `shape` from its values.
    ///
    /// # Panics
    /// If there are not `shape.len()` values.
    #[must_use]
    pub fn new(shape: Shape, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), shape.len(), "a {shape} picture has {} values", shape.len());
        Self { shape, values }
    }

    /// A picture with one value everywhere.
    #[must_use]
    pub fn filled(shape: Shape, value: f32) -> Self {
        Self { shape, values: vec![value; shape.len()] }
    }

    /// Channels, height, width.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The values, planar.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values, planar, to change.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The values, planar, without the picture.
    #[must_use]
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// One channel's plane, row after row.
    #[must_use]
    pub fn plane(&self, channel: usize) -> &[f32] {
        let size = self.shape.height * self.shape.width;
        &self.values[channel * size..][..size]
    }

    /// The value of `channel` at column `x` of row `y`.
    #[must_use]
    pub fn at(&self, channel: usize, y: usize, x: usize) -> f32 {
        self.values[(channel * self.shape.height + y) * self.shape.width + x]
    }

    /// `f` of each value.
    #[must_use]
    pub fn map(&self, f: impl Fn(f32) -> f32) -> Self {
        Self { shape: self.shape, values: self.values.iter().map(|&v| f(v)).collect() }
    }

    /// `f` of each pair of values of two pictures of one shape.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn zip(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        assert_eq!(self.shape, other.shape, "pictures of one shape");
        let values = self.values.iter().zip(&other.values).map(|(&a, &b)| f(a, b)).collect();
        Self { shape: self.shape, values }
    }
}

/// Pictures of one shape, one after the other: `[pictures, channels, height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    shape: Shape,
    values: Vec<f32>,
}

impl Batch {
    /// A batch of pictures of `shape` from all their values.
    ///
    /// # Panics
    /// If the values are not a whole number of pictures.
    #[must_use]
    pub fn new(shape: Shape, values: Vec<f32>) -> Self {
        assert!(
            !shape.is_empty() && values.len().is_multiple_of(shape.len()),
            "{} values are no whole number of {shape} pictures",
            values.len()
        );
        Self { shape, values }
    }

    /// A batch of the given pictures.
    ///
    /// # Panics
    /// If there is none, or two differ in shape.
    #[must_use]
    pub fn of<'a>(pictures: impl IntoIterator<Item = &'a Picture>) -> Self {
        let mut shape = None;
        let mut values = Vec::new();
        for picture in pictures {
            assert_eq!(*shape.get_or_insert(picture.shape), picture.shape, "pictures of one shape");
            values.extend_from_slice(&picture.values);
        }
        Self { shape: shape.expect("at least one picture"), values }
    }

    /// The shape of each picture.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many pictures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.shape.len()
    }

    /// Whether there is no picture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All values, `[pictures, channels, height, width]`.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, to change.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The values of picture `index`.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.shape.len()..][..self.shape.len()]
    }

    /// The values of picture `index`, to change.
    pub fn row_mut(&mut self, index: usize) -> &mut [f32] {
        &mut self.values[index * self.shape.len()..][..self.shape.len()]
    }

    /// A copy of picture `index`.
    #[must_use]
    pub fn picture(&self, index: usize) -> Picture {
        Picture { shape: self.shape, values: self.row(index).to_vec() }
    }

    /// Copies of all pictures.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        (0..self.len()).map(|index| self.picture(index)).collect()
    }
}
