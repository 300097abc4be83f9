//! Tables on Rust's side that heap objects refer to by index: environments, prototypes, ports.

/// A table with reusable places.
#[derive(Debug)]
pub struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Put a thing in; its index.
    pub fn add(&mut self, thing: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.places[index as usize] = Some(thing);
            return index;
        }
        self.places.push(Some(thing));
        self.places.len() as u32 - 1
    }
    /// The thing at an index.
    ///
    /// # Panics
    /// If nothing is there: a heap object outlived its entry, which the collector excludes.
    pub fn get(&self, index: u32) -> &T {
        self.places[index as usize].as_ref().expect("an entry that a live object refers to")
    }
    /// The same, to change it.
    ///
    /// # Panics
    /// As `get`.
    pub fn get_mut(&mut self, index: u32) -> &mut T {
        self.places[index as usize].as_mut().expect("an entry that a live object refers to")
    }
    /// The thing at an index, if any.
    pub fn find(&self, index: u32) -> Option<&T> {
        self.places.get(index as usize).and_then(Option::as_ref)
    }
    /// Take the thing out.
    pub fn remove(&mut self, index: u32) -> Option<T> {
        let thing = self.places.get_mut(index as usize).and_then(Option::take);
        if thing.is_some() {
            self.free.push(index);
        }
        thing
    }
    /// All things, by index.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }
    /// All indices in use.
    pub fn indices(&self) -> Vec<u32> {
        (0..self.places.len() as u32).filter(|index| self.places[*index as usize].is_some()).collect()
    }
    /// How many things there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
