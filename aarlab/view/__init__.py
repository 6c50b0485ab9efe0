"""The viewer: pages in a browser that show runs and ablations (`aarlab view`). It needs the extra `view`."""
