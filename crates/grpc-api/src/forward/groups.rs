//! The parts of a request by who answers them.

use super::Target;

/// What one broker is asked.
#[derive(Debug)]
pub(crate) struct Group<T> {
    /// Who; `None`: this broker.
    pub(crate) target: Option<Target>,
    /// The parts, each with its place in the request.
    pub(crate) parts: Vec<(usize, T)>,
}

/// Groups the parts of a request; their order within a group stays.
pub(crate) fn groups<T>(parts: Vec<T>, target: impl Fn(&T) -> Option<Target>) -> Vec<Group<T>> {
    let mut groups: Vec<Group<T>> = Vec::new();
    for (place, part) in parts.into_iter().enumerate() {
        let target = target(&part);
        match groups.iter_mut().find(|group| group.target == target) {
            Some(group) => group.parts.push((place, part)),
            None => groups.push(Group {
                target,
                parts: vec![(place, part)],
            }),
        }
    }
    groups
}

impl<T: Clone> Group<T> {
    /// The parts by themselves.
    pub(crate) fn wanted(&self) -> Vec<T> {
        self.parts.iter().map(|(_, part)| part.clone()).collect()
    }

    /// The places of the parts.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().map(|(place, _)| *place)
    }
}

#[cfg(test)]
mod tests {
    use model::BrokerId;

    use super::*;

    #[test]
    fn each_broker_is_asked_once_and_every_part_keeps_its_place() {
        let target = |number: &u32| {
            (!number.is_multiple_of(3)).then(|| Target {
                broker: BrokerId::new(number % 3),
                address: String::new(),
            })
        };
        let groups = groups(vec![3, 1, 4, 2, 9], target);
        let shape: Vec<_> = groups
            .iter()
            .map(|group| {
                (
                    group.target.as_ref().map(|to| to.broker.get()),
                    group.wanted(),
                )
            })
            .collect();
        assert_eq!(
            shape,
            [
                (None, vec![3, 9]),
                (Some(1), vec![1, 4]),
                (Some(2), vec![2])
            ]
        );
        assert_eq!(groups[1].places().collect::<Vec<_>>(), [1, 2]);
    }
}
