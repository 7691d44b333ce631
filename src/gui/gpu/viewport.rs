//! One zoom and one pan for all tiles.

/// Which part of a picture a tile shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Viewport {
    /// Picture coordinates of the tile's top left corner.
    pub origin: [f32; 2],
    /// Picture pixels that the tile spans.
    pub span: [f32; 2],
}

/// Zoom and pan, shared by all tiles, in parts of the picture so that pictures of different sizes stay together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// 1 shows the whole picture; 2 half of it each way.
    pub zoom: f32,
    /// What lies in the tile's middle, (0, 0) top left to (1, 1) bottom right.
    pub centre: [f32; 2],
}

impl Default for View {
    fn default() -> Self {
        Self { zoom: 1.0, centre: [0.5, 0.5] }
    }
}

impl View {
    /// The largest zoom.
    pub const MOST: f32 = 64.0;

    /// The part of a `width` × `height` picture that a tile of the given size shows, whole pixels kept square.
    #[must_use]
    pub fn viewport(self, picture: [f32; 2], tile: [f32; 2]) -> Viewport {
        let scale = (picture[0] / tile[0]).max(picture[1] / tile[1]) / self.zoom;
        let span = [tile[0] * scale, tile[1] * scale];
        let origin = [0, 1].map(|i| self.centre[i] * picture[i] - span[i] / 2.0);
        Viewport { origin, span }
    }

    /// Moves by a part of what is shown (1 is a whole tile), keeping the picture in sight.
    pub fn pan(&mut self, by: [f32; 2]) {
        for (centre, by) in self.centre.iter_mut().zip(by) {
            *centre -= by / self.zoom;
        }
        self.clamp();
    }

    /// Zooms by `factor` about a point of the tile, given from −½ to ½ about its middle.
    pub fn zoom_about(&mut self, factor: f32, about: [f32; 2]) {
        let before = self.zoom;
        self.zoom = (self.zoom * factor).clamp(1.0, Self::MOST);
        for (centre, about) in self.centre.iter_mut().zip(about) {
            *centre += about / before - about / self.zoom;
        }
        self.clamp();
    }

    fn clamp(&mut self) {
        let margin = 0.5 / self.zoom;
        for centre in &mut self.centre {
            *centre = centre.clamp(margin, 1.0 - margin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_picture_is_shown_with_square_pixels() {
        let viewport = View::default().viewport([32.0, 16.0], [64.0, 64.0]);
        assert_eq!(viewport, Viewport { origin: [0.0, -8.0], span: [32.0, 32.0] });
    }

    #[test]
    fn zooming_keeps_the_point_under_the_pointer() {
        let mut view = View::default();
        let under = |v: View| v.viewport([32.0, 32.0], [100.0, 100.0]).origin[0] + 0.75 * 32.0 / v.zoom;
        let before = under(view);
        view.zoom_about(3.0, [0.25, 0.0]);
        assert!((under(view) - before).abs() < 1e-4);
    }

    #[test]
    fn panning_never_loses_the_picture() {
        let mut view = View::default();
        view.zoom_about(4.0, [0.0, 0.0]);
        view.pan([100.0, -100.0]);
        let viewport = view.viewport([32.0, 32.0], [100.0, 100.0]);
        assert_eq!(viewport.origin, [0.0, 24.0]);
    }
}
