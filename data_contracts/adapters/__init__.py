"""Events of other systems as touchpoints: one small module for each format."""
