"""How the bundled backbone is made: drawn scenes, their captions, a contrastive loss. `python -m bench pretrain`."""
