//! How the panes lie: at first, and in a layout of another version, which gains what it lacks.

use std::collections::HashSet;

use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};

use super::{PaneInfo, Place, TABLE, info};
use crate::gui::state::pane::{Pane, no_layout};

/// How the panes lie at first: the pictures in the middle, beliefs at the right.
#[must_use]
pub fn default_layout() -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let mut tabs = |place: Place| {
        let panes = TABLE.iter().filter(|info| info.place == place);
        let ids = panes.map(|info| tiles.insert_pane(info.pane.clone())).collect();
        tiles.insert_tab_tile(ids)
    };
    let [above, below, beside, details] = [Place::Above, Place::Below, Place::Beside, Place::Details].map(&mut tabs);
    let middle = linear(&mut tiles, LinearDir::Vertical, &[(above, 0.4), (below, 0.6)]);
    let right = linear(&mut tiles, LinearDir::Vertical, &[(beside, 0.65), (details, 0.35)]);
    let root = linear(&mut tiles, LinearDir::Horizontal, &[(middle, 0.74), (right, 0.26)]);
    Tree::new(no_layout().id(), root, tiles)
}

fn linear(tiles: &mut Tiles<Pane>, dir: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(dir, children.iter().map(|(id, _)| *id).collect());
    for (id, share) in children {
        linear.shares.set_share(*id, *share);
    }
    tiles.insert_container(Container::Linear(linear))
}

/// Makes a layout of another version, or of another hand, one of this version's: each pane of the table is there once.
/// What cannot be mended is the first layout again.
pub fn mend(layout: &mut Tree<Pane>) {
    if !is_sound(layout) {
        *layout = default_layout();
        return;
    }
    let mut seen = Vec::new();
    let strange: Vec<TileId> = layout
        .tiles
        .iter()
        .filter_map(|(id, tile)| match tile {
            Tile::Pane(pane) if info(pane).is_none() || seen.contains(pane) => Some(*id),
            Tile::Pane(pane) => {
                seen.push(pane.clone());
                None
            }
            Tile::Container(_) => None,
        })
        .collect();
    for id in strange {
        layout.remove_recursively(id);
    }
    for info in TABLE {
        if layout.tiles.find_pane(&info.pane).is_none() {
            add(layout, info);
        }
    }
    if TABLE.iter().any(|info| layout.tiles.find_pane(&info.pane).is_none()) {
        *layout = default_layout();
    }
}

/// Brings a pane to the front.
pub fn bring_to_front(layout: &mut Tree<Pane>, pane: &Pane) {
    layout.make_active(|_, tile| matches!(tile, Tile::Pane(p) if p == pane));
}

/// Adds a pane as a tab beside one of its place, or else as a part of the whole.
fn add(layout: &mut Tree<Pane>, info: &PaneInfo) {
    let neighbours = TABLE.iter().filter(|other| other.place == info.place && other.pane != info.pane);
    let beside = neighbours
        .filter_map(|other| layout.tiles.parent_of(layout.tiles.find_pane(&other.pane)?))
        .find(|parent| matches!(layout.tiles.get(*parent), Some(Tile::Container(Container::Tabs(_)))));
    let Some(parent) = beside.or(layout.root()) else { return };
    let id = layout.tiles.insert_pane(info.pane.clone());
    match layout.tiles.get_mut(parent) {
        Some(Tile::Container(container)) => container.add_child(id),
        _ => drop(layout.tiles.remove(id)),
    }
}

/// Whether every tile hangs on the root, by one path, and takes a share of the room that is a number.
fn is_sound(layout: &Tree<Pane>) -> bool {
    let Some(root) = layout.root() else { return false };
    let (mut seen, mut waiting) = (HashSet::new(), vec![root]);
    while let Some(id) = waiting.pop() {
        let Some(tile) = layout.tiles.get(id) else { return false };
        if !seen.insert(id) {
            return false;
        }
        if let Tile::Container(container) = tile {
            waiting.extend(container.children().copied());
            if let Container::Linear(linear) = container
                && linear.shares.iter().any(|(_, share)| !share.is_finite() || *share <= 0.0)
            {
                return false;
            }
        }
    }
    layout.tiles.len() == seen.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(layout: &Tree<Pane>) -> String {
        serde_json::to_string(layout).unwrap()
    }

    fn whole(layout: &Tree<Pane>) -> bool {
        is_sound(layout) && TABLE.iter().all(|info| layout.tiles.find_pane(&info.pane).is_some())
    }

    #[test]
    fn the_default_layout_has_every_pane() {
        assert!(whole(&default_layout()));
        let mut mended = default_layout();
        mend(&mut mended);
        assert_eq!(mended, default_layout());
    }

    /// As a version without the certificate, and with a pane that this one does not know, has left it.
    #[test]
    fn an_old_layout_gains_what_it_lacks_beside_its_like_and_keeps_the_rest() {
        let mut old = default_layout();
        let certificate = old.tiles.find_pane(&Pane::CERTIFICATE).unwrap();
        old.remove_recursively(certificate);
        let root = old.root().unwrap();
        let oracle = old.tiles.insert_pane(Pane::named("Oracle"));
        if let Some(Tile::Container(container)) = old.tiles.get_mut(root) {
            container.add_child(oracle);
        }
        let mut layout: Tree<Pane> = serde_json::from_str(&text(&old)).unwrap();
        mend(&mut layout);
        assert!(whole(&layout));
        assert!(layout.tiles.find_pane(&Pane::named("Oracle")).is_none());
        let parent = |pane: &Pane| layout.tiles.parent_of(layout.tiles.find_pane(pane).unwrap());
        assert_eq!(parent(&Pane::CERTIFICATE), parent(&Pane::ADVERSARY));
        assert_eq!(parent(&Pane::TRAINING), old.tiles.parent_of(old.tiles.find_pane(&Pane::TRAINING).unwrap()));
    }

    #[test]
    fn a_layout_of_another_hand_is_mended_or_made_anew() {
        let good = text(&default_layout());
        let id = default_layout().root().unwrap().0;
        for (from, to) in [
            // A tile below itself, one that is not there, no root, a share that is no share.
            ("\"children\":[".to_owned(), format!("\"children\":[{id},")),
            ("\"children\":[".to_owned(), "\"children\":[987654,".to_owned()),
            (format!("\"root\":{id}"), "\"root\":null".to_owned()),
            ("0.74".to_owned(), "-1.0".to_owned()),
        ] {
            let broken = good.replacen(&from, &to, 1);
            assert_ne!(broken, good, "{from}");
            let mut layout: Tree<Pane> = serde_json::from_str(&broken).unwrap();
            mend(&mut layout);
            assert!(whole(&layout), "{to}");
        }
    }
}
