//! Dominators of any flow graph: Lengauer and Tarjan, "A Fast Algorithm for Finding Dominators in a Flowgraph", with
//! simple links. The time grows with the edges times the logarithm of the blocks, however many ways there are into
//! loops.

use super::ControlFlow;

/// The immediate dominator of each position; the entry's is its own.
pub(super) fn of(flow: &ControlFlow) -> Vec<u32> {
    let walk = Walk::of(flow);
    let found = walk.dominators(flow);
    let mut dominators = vec![0; walk.numbers.len()];
    for (number, position) in walk.positions.iter().enumerate() {
        dominators[*position as usize] = walk.positions[found[number] as usize];
    }
    dominators
}

/// A depth-first walk. All that follows is said in its numbers, not in positions.
struct Walk {
    /// By position: when it was reached.
    numbers: Vec<u32>,
    /// By number: the position.
    positions: Vec<u32>,
    /// By number: from where it was reached.
    parents: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Walk {
    fn of(flow: &ControlFlow) -> Walk {
        let count = flow.order.len();
        let (starts, successors) = successors(flow);
        let mut walk = Walk { numbers: vec![NONE; count], positions: Vec::new(), parents: Vec::new() };
        let mut stack = vec![(0, 0)];
        while let Some((position, parent)) = stack.pop() {
            if walk.numbers[position as usize] != NONE {
                continue;
            }
            let number = walk.positions.len() as u32;
            walk.numbers[position as usize] = number;
            walk.positions.push(position);
            walk.parents.push(parent);
            let range = starts[position as usize] as usize..starts[position as usize + 1] as usize;
            stack.extend(successors[range].iter().map(|next| (*next, number)));
        }
        walk
    }

    fn dominators(&self, flow: &ControlFlow) -> Vec<u32> {
        let count = self.positions.len();
        let mut forest = Forest::new(count);
        let mut dominators = vec![0; count];
        // Those whose semidominator a block is: the first, and the next of each.
        let (mut first, mut next) = (vec![NONE; count], vec![NONE; count]);
        for block in (1..count as u32).rev() {
            for before in flow.predecessors(self.positions[block as usize] as usize) {
                let least = forest.least(self.numbers[*before as usize]);
                let semi = &mut forest.semi;
                semi[block as usize] = semi[block as usize].min(semi[least as usize]);
            }
            let semi = forest.semi[block as usize];
            next[block as usize] = std::mem::replace(&mut first[semi as usize], block);
            let parent = self.parents[block as usize];
            forest.parents[block as usize] = parent;
            let mut waiting = std::mem::replace(&mut first[parent as usize], NONE);
            while waiting != NONE {
                let least = forest.least(waiting);
                let is_lower = forest.semi[least as usize] < forest.semi[waiting as usize];
                dominators[waiting as usize] = if is_lower { least } else { parent };
                waiting = next[waiting as usize];
            }
        }
        for block in 1..count {
            if dominators[block] != forest.semi[block] {
                dominators[block] = dominators[dominators[block] as usize];
            }
        }
        dominators
    }
}

/// Successors by position, and where each position's start.
fn successors(flow: &ControlFlow) -> (Vec<u32>, Vec<u32>) {
    let count = flow.order.len();
    let mut starts = vec![0; count + 1];
    flow.predecessors.iter().for_each(|before| starts[*before as usize] += 1);
    let mut end = 0;
    for start in &mut starts {
        end += *start;
        *start = end;
    }
    let mut successors = vec![0; flow.predecessors.len()];
    for position in (0..count).rev() {
        for before in flow.predecessors(position) {
            let start = &mut starts[*before as usize];
            *start -= 1;
            successors[*start as usize] = position as u32;
        }
    }
    (starts, successors)
}

/// The part of the walk's tree that was linked so far. Paths up are made shorter as they are followed.
struct Forest {
    /// What each hangs under, at first its parent; [`NONE`] for roots.
    parents: Vec<u32>,
    /// On the shortened way up to there: what has the least semidominator.
    least: Vec<u32>,
    semi: Vec<u32>,
    path: Vec<u32>,
}

impl Forest {
    fn new(count: usize) -> Forest {
        let own: Vec<u32> = (0..count as u32).collect();
        Forest { parents: vec![NONE; count], least: own.clone(), semi: own, path: Vec::new() }
    }

    /// What has the least semidominator on the way from a block up to its root, without the root.
    fn least(&mut self, block: u32) -> u32 {
        if self.parents[block as usize] == NONE {
            return block;
        }
        let mut at = block;
        while self.parents[self.parents[at as usize] as usize] != NONE {
            self.path.push(at);
            at = self.parents[at as usize];
        }
        let mut above = at;
        while let Some(below) = self.path.pop() {
            let (upper, lower) = (self.least[above as usize], self.least[below as usize]);
            if self.semi[upper as usize] < self.semi[lower as usize] {
                self.least[below as usize] = upper;
            }
            self.parents[below as usize] = self.parents[at as usize];
            above = below;
        }
        self.least[block as usize]
    }
}
