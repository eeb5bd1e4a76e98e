// The version of everything in a data folder. It changes when an older version could misread what
// a newer one wrote; a folder of another version is refused by name, never guessed at.
export const formatVersion = 1
