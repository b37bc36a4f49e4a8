//! Several who are hostile at once: what each leaves of a share must be enough.

use crate::scene::{Scene, sparse};

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn gets_go_on_beside_many_who_are_hostile() {
    let mut scene = Scene::new(|shared| sparse(shared, "big", 16 << 20));
    // Ten identities, then three more.
    for attack in ["gets --count 600", "open-all", "mute", "datagrams --count 60"] {
        scene.attack(attack, "big");
    }
    scene.gets_keep("a get beside 13 hostile sessions", 2.0);
}
