struct tree {
    struct tree *left, *right;
};

static struct tree *make_tree(long depth) {
    struct tree *tree = malloc(sizeof *tree);
    tree->left = depth == 0 ? NULL : make_tree(depth - 1);
    tree->right = depth == 0 ? NULL : make_tree(depth - 1);
    return tree;
}

static long count_nodes(const struct tree *tree) {
    return tree->left ? 1 + count_nodes(tree->left) + count_nodes(tree->right) : 1;
}

static void free_tree(struct tree *tree) {
    if (!tree) return;
    free_tree(tree->left);
    free_tree(tree->right);
    free(tree);
}

static long work(void) {
    long nodes = 0;
    for (long i = 0; i < 8; i++) {
        struct tree *tree = make_tree(14);
        nodes += count_nodes(tree);
        free_tree(tree);
    }
    return nodes;
}

MEASURE_INTEGER(work)
