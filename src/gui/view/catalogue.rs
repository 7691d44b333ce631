//! Every command that a person can find, made once: menus, shortcuts, the palette, tooltips and the help sheet read it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::LazyLock;

use super::panes;
use crate::gui::command::{Command, Entry, Menu, WindowCommand, entries};

/// The entries in the order of the menus, and where to find them.
pub struct Catalogue {
    entries: Vec<Entry>,
    /// By the group of the command.
    by_group: HashMap<Discriminant<Command>, Vec<usize>>,
    /// Those with keys, the most particular keys first: Ctrl+Shift+Z is not Ctrl+Z.
    by_keys: Vec<usize>,
}

/// The catalogue.
#[must_use]
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::new);
    &CATALOGUE
}

impl Catalogue {
    fn new() -> Self {
        let show = |(index, info): (usize, &panes::PaneInfo)| {
            let command = WindowCommand::Show(info.pane.clone());
            let entry = Entry::new(Menu::View, 300 + index, command, info.show_label(), info.hint).under("Panes");
            if index == 0 { entry.group() } else { entry }
        };
        let entries = entries(panes::TABLE.iter().copied().enumerate().map(show).collect());
        let mut by_group: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            by_group.entry(discriminant(&entry.command)).or_default().push(index);
        }
        let modifiers = |index: &usize| {
            let keys = entries[*index].shortcut.map(|keys| keys.modifiers).unwrap_or_default();
            [keys.alt, keys.ctrl, keys.shift, keys.mac_cmd, keys.command].iter().filter(|on| **on).count()
        };
        let mut by_keys: Vec<usize> = (0..entries.len()).filter(|&index| entries[index].shortcut.is_some()).collect();
        by_keys.sort_by_key(|index| Reverse(modifiers(index)));
        Self { entries, by_group, by_keys }
    }

    /// Every entry, in the order of the menus.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries of a menu, in order.
    pub fn menu(&self, menu: Menu) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.menu == menu)
    }

    /// The entries with keys, the most particular keys first.
    pub fn with_keys(&self) -> impl Iterator<Item = &Entry> {
        self.by_keys.iter().map(|&index| &self.entries[index])
    }

    /// The entry of a command.
    #[must_use]
    pub fn entry(&self, command: &Command) -> Option<&Entry> {
        let group = self.by_group.get(&discriminant(command))?;
        group.iter().map(|&index| &self.entries[index]).find(|entry| entry.command == *command)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_commands_share_keys_a_name_or_a_place() {
        let (mut keys, mut names, mut places) = (HashSet::new(), HashSet::new(), HashSet::new());
        for entry in catalogue().entries() {
            assert!(names.insert(entry.name.clone()), "{} twice", entry.name);
            assert!(places.insert((entry.menu.label(), entry.place)), "{} shares its place", entry.name);
            if let Some(shortcut) = entry.shortcut {
                let key = (format!("{:?}", shortcut.modifiers), shortcut.logical_key);
                assert!(keys.insert(key), "{} shares its keys", entry.name);
            }
        }
    }

    #[test]
    fn every_menu_has_something_in_it_and_every_command_is_found() {
        for menu in Menu::ALL {
            assert!(catalogue().menu(menu).next().is_some(), "{}", menu.label());
        }
        for entry in catalogue().entries() {
            assert_eq!(catalogue().entry(&entry.command).unwrap().name, entry.name);
        }
    }
}
