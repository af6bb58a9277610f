//! Who reads what: tasks in their order, and of tasks of about one size each worker its own stretch.
//!
//! What stands together in a log is of one time, and so are blobs in a listing. A worker that reads one range or blob
//! behind the other counts the hours of its stretch and no others, so that the tables of workers have little in common
//! to merge, and their seconds come in order. Whoever has read its stretch goes on with those of others.
//!
//! Input: the tasks in their order. Output: the next task of each worker, every task once. Must not depend on time.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Task;

/// The turns of all workers.
pub(super) struct Turns<'t, 'b> {
    tasks: &'t [Task<'b>],
    /// How many turns were taken.
    taken: AtomicUsize,
    /// For each task, the run that it is of.
    runs: Vec<usize>,
    of_run: Vec<Run>,
}

/// Tasks of one size, which stand together: the next of each worker's stretch, and where that ends.
struct Run(Vec<(AtomicUsize, usize)>);

impl Run {
    /// Stretches for so many workers, of tasks from one place to another.
    fn new(from: usize, until: usize, workers: usize) -> Self {
        let place = |worker: usize| from + (until - from) * worker / workers;
        Self((0..workers).map(|worker| (AtomicUsize::new(place(worker)), place(worker + 1))).collect())
    }

    /// The next task of a worker's stretch, else of others.
    fn next(&self, worker: usize) -> Option<usize> {
        let (before, own) = self.0.split_at(worker.min(self.0.len()));
        own.iter().chain(before).find_map(|(next, until)| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            (at < *until).then_some(at)
        })
    }
}

impl<'t, 'b> Turns<'t, 'b> {
    /// Tasks in their order, those of one size together, for so many workers.
    pub(super) fn new(tasks: &'t [Task<'b>], workers: usize) -> Self {
        let (mut runs, mut of_run) = (Vec::with_capacity(tasks.len()), Vec::new());
        for run in tasks.chunk_by(|one, other| one.size() == other.size()) {
            let from = runs.len();
            runs.resize(from + run.len(), of_run.len());
            of_run.push(Run::new(from, from + run.len(), workers.max(1)));
        }
        Self { tasks, taken: AtomicUsize::new(0), runs, of_run }
    }

    /// The next task of a worker, and how many tasks nobody has taken yet, this one among them.
    pub(super) fn next(&self, worker: usize) -> Option<(&'t Task<'b>, usize)> {
        let turn = self.taken.fetch_add(1, Ordering::Relaxed);
        // A run has as many turns as tasks: whoever has a turn finds one.
        let at = self.of_run.get(*self.runs.get(turn)?)?.next(worker)?;
        Some((self.tasks.get(at)?, self.tasks.len() - turn))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::{Blob, BlobPlace};

    proptest! {
        /// Every task has its turn once, whoever takes it; alone, a worker takes them in their order.
        #[test]
        fn every_task_has_its_turn(
            runs in prop::collection::vec(1_usize..9, 0..6),
            workers in 1_usize..5,
            turns in prop::collection::vec(0_usize..5, 60),
        ) {
            let blob = |index: usize| Blob { name: "a".into(), place: BlobPlace::Stdin, bytes: 1 << (20 - index) };
            let blobs: Vec<Blob> = (0..runs.len()).map(blob).collect();
            let task = |index: usize| Task::whole(u32::try_from(index).unwrap(), &blobs[index]);
            let tasks: Vec<Task<'_>> =
                runs.iter().enumerate().flat_map(|(index, length)| (0..*length).map(move |_| index)).map(task).collect();
            let all = Turns::new(&tasks, workers);
            let place = |task: &Task<'_>| tasks.iter().position(|other| std::ptr::eq(other, task)).unwrap();
            let mut taken: Vec<usize> = Vec::new();
            for worker in turns.iter().map(|turn| turn % workers) {
                if let Some((task, left)) = all.next(worker) {
                    prop_assert_eq!(left, tasks.len() - taken.len());
                    taken.push(place(task));
                }
            }
            prop_assert!(all.next(0).is_none());
            let by_blob: Vec<u32> = taken.iter().map(|at| tasks[*at].index).collect();
            prop_assert!(by_blob.is_sorted());
            if workers == 1 {
                prop_assert!(taken.is_sorted());
            }
            taken.sort_unstable();
            prop_assert!(taken.into_iter().eq(0..tasks.len()));
        }
    }

    #[test]
    fn a_worker_reads_one_range_behind_the_other() {
        let blob = Blob { name: "a".into(), place: BlobPlace::Stdin, bytes: 0 };
        let tasks: Vec<Task<'_>> = (0..10).map(|bytes| Task { bytes, ..Task::whole(0, &blob) }).collect();
        let turns = Turns::new(&tasks, 2);
        let taken: Vec<u64> =
            [0, 1, 0, 1, 1, 0, 0, 0, 0, 0].map(|worker| turns.next(worker).unwrap().0.bytes).into();
        assert_eq!(taken, [0, 5, 1, 6, 7, 2, 3, 4, 8, 9]);
    }
}
