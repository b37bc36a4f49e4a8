//! What follows from an event for others than its stream: one pass, once the event is over.

use super::Streams;
use super::flags::After;
use super::row::StreamHandle;
use super::tree::Tree;

impl Streams<'_> {
    /// Sees to what an event about `stream` left to do.
    pub(super) fn see_to(&mut self, tree: &mut Tree, stream: StreamHandle, after: After) {
        if after.has(After::WAKE_OPENERS) {
            self.wake_openers(tree);
        }
        if after.has(After::FEED) {
            self.feed_starved(tree.party);
        }
        if after.has(After::TELL) {
            self.eventful.push_back(&mut self.rows, stream.index());
        }
        if after.has(After::FORGET_STARVED) {
            self.forget_starved(stream);
        }
        if after.has(After::STARVE) {
            self.starve(stream);
        }
        if after.has(After::INHERIT) {
            self.inherit(tree, stream);
        }
        if after.has(After::FREE) {
            self.free(tree, stream);
        } else if after.has(After::SCHEDULE) {
            self.move_to_place(tree, stream);
        }
    }
}
