//! A hole that a person paints into a large picture, stroke by stroke, so that strokes can be taken back.

use super::drawn::distance;
use crate::study::lab::Region;

/// The memory of what is painted grows by so many pixels at a time.
const MORE: usize = 64;

/// What is painted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tool {
    /// All that is near where it goes.
    #[default]
    Brush,
    /// All between two corners.
    Box,
}

/// A straight piece of a stroke, or a box, in pixels of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// What it is painted with.
    pub tool: Tool,
    /// Where it begins: a box's corner.
    pub from: [f32; 2],
    /// Where it ends: the corner opposite.
    pub to: [f32; 2],
    /// Pixels whose middle is no farther from a brush's way are painted.
    pub radius: f32,
    /// Whether they become hole, or picture again.
    pub is_hole: bool,
}

impl Piece {
    /// Whether its numbers can be painted with.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.from.iter().chain(&self.to).chain([&self.radius]).all(|v| v.is_finite())
    }

    /// Whether it covers a pixel's middle.
    fn covers(&self, at: [f32; 2]) -> bool {
        match self.tool {
            Tool::Brush => distance(at, self.from, self.to) <= self.radius,
            Tool::Box => [0, 1].into_iter().all(|i| {
                let (low, high) = (self.from[i].min(self.to[i]), self.from[i].max(self.to[i]));
                (low..=high).contains(&at[i])
            }),
        }
    }

    /// The pixels that it may reach, of a picture of this width and height; none if it lies beside it.
    fn reach(&self, size: [usize; 2]) -> Option<Region> {
        let edge = |i: usize, v: f32| v.clamp(0.0, size[i] as f32) as usize;
        let around = if self.tool == Tool::Brush { self.radius } else { 0.0 };
        let first = [0, 1].map(|i| edge(i, (self.from[i].min(self.to[i]) - around).floor()));
        let last = [0, 1].map(|i| edge(i, (self.from[i].max(self.to[i]) + around).ceil()));
        let [width, height] = [0, 1].map(|i| last[i].saturating_sub(first[i]));
        (width > 0 && height > 0).then_some(Region { x: first[0], y: first[1], width, height })
    }
}

/// The hole.
#[derive(Debug, Clone, Default)]
pub struct Hole {
    /// Width and height of the picture.
    size: [usize; 2],
    strokes: Vec<Vec<Piece>>,
    /// What of the picture `missing` is about.
    part: Option<Region>,
    /// Which pixels of the part are missing, row after row.
    missing: Vec<bool>,
    count: usize,
    bounds: Option<Region>,
}

impl Hole {
    /// Paints a piece of a stroke into a picture of this width and height; the first piece of one begins it. Whether anything was painted.
    pub fn paint(&mut self, size: [usize; 2], piece: Piece, begins: bool) -> bool {
        if !piece.is_finite() {
            return false;
        }
        if self.size != size {
            *self = Self { size, ..Self::default() };
        }
        if begins || self.strokes.is_empty() {
            self.strokes.push(Vec::new());
        }
        if let Some(stroke) = self.strokes.last_mut() {
            stroke.push(piece);
        }
        self.mark(piece);
        self.measure();
        true
    }

    /// Takes the last stroke back.
    pub fn undo(&mut self) {
        self.strokes.pop();
        let strokes = std::mem::take(&mut self.strokes);
        *self = Self { size: self.size, ..Self::default() };
        strokes.iter().flatten().for_each(|piece| self.mark(*piece));
        self.strokes = strokes;
        self.measure();
    }

    /// Whether there is a stroke to take back.
    #[must_use]
    pub fn is_painted(&self) -> bool {
        !self.strokes.is_empty()
    }

    /// How many pixels are missing.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The smallest rectangle around all that is missing.
    #[must_use]
    pub fn bounds(&self) -> Option<Region> {
        self.bounds
    }

    /// Whether a pixel is missing.
    #[must_use]
    pub fn is_missing(&self, x: usize, y: usize) -> bool {
        self.part.is_some_and(|part| {
            let inside = (part.x..part.x + part.width).contains(&x) && (part.y..part.y + part.height).contains(&y);
            inside && self.missing[(y - part.y) * part.width + x - part.x]
        })
    }

    /// Which pixels of a region are missing, row after row.
    #[must_use]
    pub fn within(&self, region: Region) -> Vec<bool> {
        let rows = region.y..region.y + region.height;
        rows.flat_map(|y| (region.x..region.x + region.width).map(move |x| self.is_missing(x, y))).collect()
    }

    fn mark(&mut self, piece: Piece) {
        let Some(reach) = piece.reach(self.size) else { return };
        if piece.is_hole {
            self.hold(reach);
        }
        let Some(part) = self.part else { return };
        let rows = reach.y.max(part.y)..(reach.y + reach.height).min(part.y + part.height);
        let columns = reach.x.max(part.x)..(reach.x + reach.width).min(part.x + part.width);
        for y in rows {
            for x in columns.clone() {
                if piece.covers([x as f32 + 0.5, y as f32 + 0.5]) {
                    self.missing[(y - part.y) * part.width + x - part.x] = piece.is_hole;
                }
            }
        }
    }

    /// Makes room for a region.
    fn hold(&mut self, region: Region) {
        let old = self.part.unwrap_or(region);
        let first = [region.x.min(old.x), region.y.min(old.y)].map(|v| v / MORE * MORE);
        let last =
            [(region.x + region.width).max(old.x + old.width), (region.y + region.height).max(old.y + old.height)];
        let last = [0, 1].map(|i| last[i].next_multiple_of(MORE).min(self.size[i]));
        let part = Region { x: first[0], y: first[1], width: last[0] - first[0], height: last[1] - first[1] };
        if self.part != Some(part) {
            self.missing = self.within(part);
            self.part = Some(part);
        }
    }

    fn measure(&mut self) {
        let Some(part) = self.part else { return };
        self.count = 0;
        let (mut first, mut last) = ([usize::MAX; 2], [0; 2]);
        for (y, row) in self.missing.chunks_exact(part.width).enumerate() {
            let Some(left) = row.iter().position(|missing| *missing) else { continue };
            let right = row.iter().rposition(|missing| *missing).unwrap_or(left);
            self.count += row.iter().filter(|missing| **missing).count();
            first = [first[0].min(part.x + left), first[1].min(part.y + y)];
            last = [last[0].max(part.x + right + 1), part.y + y + 1];
        }
        let bounds = || Region { x: first[0], y: first[1], width: last[0] - first[0], height: last[1] - first[1] };
        self.bounds = (self.count > 0).then(bounds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [usize; 2] = [300, 200];

    fn piece(from: [f32; 2], to: [f32; 2], is_hole: bool) -> Piece {
        Piece { tool: Tool::Brush, from, to, radius: 6.0, is_hole }
    }

    #[test]
    fn a_box_is_all_pixels_between_its_corners_whichever_they_are() {
        let corners = [[10.2, 20.7], [14.9, 26.1]];
        let ways = [[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1]];
        for [a, b, c, d] in ways {
            let mut hole = Hole::default();
            let (from, to) = ([corners[a][0], corners[b][1]], [corners[c][0], corners[d][1]]);
            hole.paint(SIZE, Piece { tool: Tool::Box, ..piece(from, to, true) }, true);
            // Middles from 10.5 to 14.5 and from 21.5 to 25.5: neither more by the brush's radius.
            assert_eq!(hole.bounds(), Some(Region { x: 10, y: 21, width: 5, height: 5 }));
            assert_eq!(hole.count(), 25);
            hole.paint(SIZE, Piece { tool: Tool::Box, ..piece([12.0, 0.0], [300.0, 200.0], false) }, true);
            assert_eq!((hole.count(), hole.is_missing(11, 22), hole.is_missing(12, 22)), (10, true, false));
            hole.undo();
            assert_eq!(hole.count(), 25);
        }
        let mut hole = Hole::default();
        hole.paint(SIZE, Piece { tool: Tool::Box, ..piece([-50.0, 150.0], [900.0, 1e20], true) }, true);
        assert_eq!(hole.bounds(), Some(Region { x: 0, y: 150, width: 300, height: 50 }));
    }

    #[test]
    fn what_is_painted_is_what_lies_near_the_strokes_and_they_are_taken_back_in_turn() {
        let mut hole = Hole::default();
        let first = piece([20.0, 30.0], [80.0, 90.0], true);
        hole.paint(SIZE, first, true);
        let alone = (hole.count(), hole.bounds());
        let missing = |x: usize, y: usize, p: Piece| distance([x as f32 + 0.5, y as f32 + 0.5], p.from, p.to) <= 6.0;
        let all = (0..SIZE[1]).flat_map(|y| (0..SIZE[0]).map(move |x| (x, y)));
        assert!(all.clone().all(|(x, y)| hole.is_missing(x, y) == missing(x, y, first)));
        // Another far away, over the picture's edge, in two pieces; and some of both taken away.
        let (second, third) =
            (piece([290.0, 190.0], [330.0, 190.0], true), piece([295.0, 190.0], [295.0, 150.0], true));
        hole.paint(SIZE, second, true);
        hole.paint(SIZE, third, false);
        let both = (hole.count(), hole.bounds());
        assert!(both.0 > alone.0);
        let away = piece([50.0, 0.0], [50.0, 200.0], false);
        hole.paint(SIZE, away, true);
        let now = |x: usize, y: usize| [first, second, third].iter().any(|p| missing(x, y, *p)) && !missing(x, y, away);
        assert!(all.clone().all(|(x, y)| hole.is_missing(x, y) == now(x, y)));
        assert_eq!(hole.count(), all.clone().filter(|(x, y)| now(*x, *y)).count());
        let bounds = hole.bounds().unwrap();
        let [columns, rows] = [0, 1].map(|i| {
            let at: Vec<usize> =
                all.clone().filter(|p| now(p.0, p.1)).map(|p| if i == 0 { p.0 } else { p.1 }).collect();
            (*at.iter().min().unwrap(), *at.iter().max().unwrap() + 1)
        });
        assert_eq!((bounds.x, bounds.x + bounds.width, bounds.y, bounds.y + bounds.height), {
            (columns.0, columns.1, rows.0, rows.1)
        });
        let inside = hole.within(bounds);
        assert_eq!(inside.iter().filter(|missing| **missing).count(), hole.count());
        hole.undo();
        assert_eq!((hole.count(), hole.bounds()), both);
        hole.undo();
        assert_eq!((hole.count(), hole.bounds()), alone);
        hole.undo();
        assert!(hole.count() == 0 && hole.bounds().is_none() && !hole.is_painted());
        hole.undo();
    }

    #[test]
    fn what_cannot_be_painted_paints_nothing() {
        let mut hole = Hole::default();
        assert!(!hole.paint(SIZE, piece([f32::NAN, 0.0], [1.0, 1.0], true), true));
        hole.paint(SIZE, piece([1e30, 1e30], [-1e30, 1e30], true), true);
        hole.paint(SIZE, piece([-50.0, -50.0], [-40.0, -40.0], true), true);
        assert_eq!((hole.count(), hole.bounds()), (0, None));
        // Another picture has none of the old one's hole.
        hole.paint(SIZE, piece([50.0, 50.0], [50.0, 50.0], true), true);
        let before = hole.count();
        hole.paint([40, 40], piece([20.0, 20.0], [20.0, 20.0], true), true);
        assert!(hole.count() == before && !hole.is_missing(50, 50));
    }
}
