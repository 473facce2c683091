//! `java.util.TreeSet`, as far as it can be told from other sorted sets: where an element goes if the order of those already
//! in it has changed meanwhile. That depends on the shape of the tree, so this is the same red-black tree.

use std::cmp::Ordering;

/// Elements in the order in which a Java `TreeSet` returns them.
#[derive(Debug, Clone)]
pub(in crate::topology) struct TreeSet<T> {
    nodes: Vec<Node<T>>,
    root: Option<usize>,
}

#[derive(Debug, Clone)]
struct Node<T> {
    element: T,
    parent: Option<usize>,
    /// Left and right.
    children: [Option<usize>; 2],
    red: bool,
}

const LEFT: usize = 0;
const RIGHT: usize = 1;

impl<T> Default for TreeSet<T> {
    fn default() -> Self {
        Self { nodes: Vec::new(), root: None }
    }
}

impl<T: Copy> TreeSet<T> {
    /// Adds an element, unless one compares equal on the way down.
    pub(in crate::topology) fn insert(&mut self, element: T, compare: impl Fn(T, T) -> Ordering) {
        let (mut parent, mut side) = (None, LEFT);
        let mut next = self.root;
        while let Some(node) = next {
            side = match compare(element, self.nodes[node].element) {
                Ordering::Less => LEFT,
                Ordering::Greater => RIGHT,
                Ordering::Equal => return,
            };
            parent = Some(node);
            next = self.nodes[node].children[side];
        }
        let added = self.nodes.len();
        self.nodes.push(Node { element, parent, children: [None, None], red: true });
        match parent {
            Some(parent) => self.nodes[parent].children[side] = Some(added),
            None => self.root = Some(added),
        }
        self.rebalance(added);
    }

    /// The elements from left to right.
    pub(in crate::topology) fn in_order(&self) -> Vec<T> {
        let mut elements = Vec::with_capacity(self.nodes.len());
        self.visit(self.root, &mut elements);
        elements
    }

    fn visit(&self, node: Option<usize>, elements: &mut Vec<T>) {
        if let Some(node) = node {
            self.visit(self.nodes[node].children[LEFT], elements);
            elements.push(self.nodes[node].element);
            self.visit(self.nodes[node].children[RIGHT], elements);
        }
    }

    /// `TreeMap.fixAfterInsertion`.
    fn rebalance(&mut self, mut node: usize) {
        while let Some((parent, grandparent)) = self.red_parent(node) {
            let side = self.side(parent, grandparent);
            match self.nodes[grandparent].children[1 - side] {
                Some(uncle) if self.nodes[uncle].red => {
                    self.nodes[parent].red = false;
                    self.nodes[uncle].red = false;
                    self.nodes[grandparent].red = true;
                    node = grandparent;
                }
                _ => {
                    if self.side(node, parent) != side {
                        node = parent;
                        self.rotate(node, side);
                    }
                    self.raise_above(node, grandparent, side);
                }
            }
        }
        if let Some(root) = self.root {
            self.nodes[root].red = false;
        }
    }

    /// The parent and grandparent of a node whose parent is red; a red node is never the root.
    fn red_parent(&self, node: usize) -> Option<(usize, usize)> {
        let parent = self.nodes[node].parent.filter(|parent| self.nodes[*parent].red)?;
        Some((parent, self.nodes[parent].parent?))
    }

    fn raise_above(&mut self, node: usize, grandparent: usize, side: usize) {
        if let Some(parent) = self.nodes[node].parent {
            self.nodes[parent].red = false;
        }
        self.nodes[grandparent].red = true;
        self.rotate(grandparent, 1 - side);
    }

    fn side(&self, node: usize, parent: usize) -> usize {
        usize::from(self.nodes[parent].children[RIGHT] == Some(node))
    }

    /// Turns `node` down to `side`; its child of the other side takes its place.
    fn rotate(&mut self, node: usize, side: usize) {
        let Some(pivot) = self.nodes[node].children[1 - side] else { return };
        let inner = self.nodes[pivot].children[side];
        let parent = self.nodes[node].parent;
        self.nodes[node].children[1 - side] = inner;
        if let Some(inner) = inner {
            self.nodes[inner].parent = Some(node);
        }
        match parent {
            Some(parent) => {
                let place = self.side(node, parent);
                self.nodes[parent].children[place] = Some(pivot);
            }
            None => self.root = Some(pivot),
        }
        self.nodes[pivot].parent = parent;
        self.nodes[pivot].children[side] = Some(node);
        self.nodes[node].parent = Some(pivot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_of(elements: impl IntoIterator<Item = u32>) -> TreeSet<u32> {
        let mut set = TreeSet::default();
        elements.into_iter().for_each(|element| set.insert(element, |a, b| a.cmp(&b)));
        set
    }

    fn depth(set: &TreeSet<u32>, node: Option<usize>) -> usize {
        node.map_or(0, |node| {
            1 + set.nodes[node].children.iter().map(|child| depth(set, *child)).max().unwrap_or(0)
        })
    }

    #[test]
    fn sorted_input_stays_sorted_and_the_tree_flat() {
        let set = set_of(0..1_000);
        assert_eq!(set.in_order(), (0..1_000).collect::<Vec<_>>());
        assert!(depth(&set, set.root) <= 20);
    }

    #[test]
    fn any_input_comes_out_sorted_once() {
        let scrambled = (0..500).map(|n| n * 7919 % 251);
        assert_eq!(set_of(scrambled).in_order(), (0..251).collect::<Vec<_>>());
    }

    #[test]
    fn a_stale_order_is_followed_from_the_root() {
        // 1, 2, 3 make a tree with 2 at its root; then the order turns round, so 4 goes left of 2 and left of 1.
        let mut set = set_of(1..=3);
        set.insert(4, |a, b| b.cmp(&a));
        assert_eq!(set.in_order(), [4, 1, 2, 3]);
    }
}
