"""A ROS 2 node that enhances the pictures of a camera as they come."""
